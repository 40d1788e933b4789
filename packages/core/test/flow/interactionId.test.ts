import { describe, expect, it } from "@effect/vitest"
import {
  Ciba,
  ClientAuthentication,
  Discovery,
  PendingAuthentication,
  ProtectedResource,
  type SecurityProfile,
  TokenEndpoint,
  UserHint
} from "@effect-ciba/core"
import { Effect, Layer, Redacted } from "effect"
import { publishedKeys } from "../support/PublishedKeys.ts"
import { bearer, type Reply, serve } from "../support/ResourceServer.ts"

const name = "x-fapi-interaction-id"

const profile: SecurityProfile.SecurityProfile = {
  name: "ours",
  registration: [],
  request: [],
  response: [],
  interactionIds: true,
  withheldHeaders: ["x-fapi-auth-date"]
}

const echoing =
  (echo: (id: string) => string): Reply =>
  ({ headers, method }) =>
    Response.json(
      method === "GET" ? publishedKeys : { auth_req_id: "id", expires_in: 60, error: "authorization_pending" },
      { headers: headers[name] === undefined ? {} : { [name]: echo(headers[name]) } }
    )

const calls = (reply: Reply, options: Partial<Ciba.Options> = {}) => {
  const { received, layer } = serve(reply)
  const live = Ciba.layerNoDiscovery({
    clientId: "bank",
    authentication: ClientAuthentication.none,
    profile,
    ...options
  }).pipe(
    Layer.provide(layer),
    Layer.provide(
      Discovery.layerStatic({
        issuer: "https://op.test",
        jwks_uri: "https://op.test/jwks",
        backchannel_authentication_endpoint: "https://op.test/bc",
        token_endpoint: "https://op.test/token",
        backchannel_token_delivery_modes_supported: ["poll"]
      })
    )
  )
  const id = Redacted.make(PendingAuthentication.AuthReqId.make("id"), { label: "auth_req_id" })
  const program = Effect.gen(function* () {
    const asked = yield* Effect.flip(Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo") }))
    const polled = yield* Effect.flip(TokenEndpoint.redeem(id))
    const resource = yield* ProtectedResource.make(bearer())
    const called = yield* Effect.result(
      resource.get("https://rs.test/accounts", { headers: { "x-fapi-auth-date": "now", accept: "text/plain" } })
    )
    return { asked: asked.reason, polled: polled.reason, called }
  })
  return Effect.map(Effect.provide(program, live), (ends) => ({ ...ends, heard: received }))
}

describe("x-fapi-interaction-id", () => {
  it.effect("is new in every request to an endpoint or a resource, and not sent for the JWK Set (S4)", () =>
    Effect.gen(function* () {
      const { called, heard } = yield* calls(echoing((id) => id))
      expect(called._tag).toBe("Success")
      const ids = heard.map(({ headers }) => headers[name])
      expect(heard.map(({ url }) => url.replace("https://", ""))).toEqual([
        "op.test/jwks",
        "op.test/bc",
        "op.test/token",
        "rs.test/accounts"
      ])
      expect(ids[0]).toBeUndefined()
      for (const id of ids.slice(1)) expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      expect(new Set(ids).size).toBe(4)
    })
  )

  for (const [what, echo] of [
    ["another one", () => "c770aef3-6784-41f7-8e0e-ff5f97bddb3a"],
    ["none", undefined]
  ] as const) {
    it.effect(`makes a response invalid that has ${what} in its place (S4)`, () =>
      Effect.gen(function* () {
        const reply: Reply =
          echo === undefined ? ({ method }) => Response.json(method === "GET" ? publishedKeys : {}) : echoing(echo)
        const { asked, called, polled } = yield* calls(reply)
        expect(asked).toMatchObject({
          _tag: "TransportError",
          kind: "InteractionIdMismatch",
          url: "https://op.test/bc"
        })
        expect(polled).toMatchObject({
          _tag: "TransportError",
          kind: "InteractionIdMismatch",
          url: "https://op.test/token"
        })
        expect(called).toMatchObject({
          failure: { reason: { kind: "InteractionIdMismatch", url: "https://rs.test/accounts" } }
        })
      })
    )
  }

  it.effect("is not demanded of an error response, which counts as what it says (S4)", () =>
    Effect.gen(function* () {
      const deny: Reply = ({ method }) =>
        method === "GET" ? Response.json(publishedKeys) : Response.json({ error: "access_denied" }, { status: 400 })
      const { asked, polled } = yield* calls(deny)
      expect([asked._tag, polled._tag]).toEqual(["AccessDenied", "AccessDenied"])
    })
  )

  it.effect("is not sent without a profile that requires it, and then no response needs it", () =>
    Effect.gen(function* () {
      const { called, heard } = yield* calls(({ method }) => Response.json(method === "GET" ? publishedKeys : {}), {
        profile: undefined
      })
      expect(called._tag).toBe("Success")
      expect(heard.every(({ headers }) => headers[name] === undefined)).toBe(true)
    })
  )
})

describe("headers about the end-user's device", () => {
  it.effect("are withheld from resources by a profile, unlike other headers (S5)", () =>
    Effect.gen(function* () {
      const { heard } = yield* calls(echoing((id) => id))
      expect(heard.at(-1)?.headers).toMatchObject({ accept: "text/plain" })
      expect(heard.at(-1)?.headers).not.toHaveProperty("x-fapi-auth-date")
      const without = yield* calls(
        echoing((id) => id),
        { profile: { ...profile, withheldHeaders: [] } }
      )
      expect(without.heard.at(-1)?.headers).toHaveProperty("x-fapi-auth-date", "now")
    })
  )
})
