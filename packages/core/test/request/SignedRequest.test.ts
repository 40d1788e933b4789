import { describe, expect, it } from "@effect/vitest"
import {
  type AuthenticationRequest,
  Ciba,
  ClientAuthentication,
  Discovery,
  SignedRequest,
  SigningKey,
  UserHint
} from "@effect-ciba/core"
import { Effect, Layer, Redacted } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { part } from "../support/Jwt.ts"

const algorithmsMember = "backchannel_authentication_request_signing_alg_values_supported"

/** A provider that takes every request, and what it was sent. */
const provider = () => {
  const bodies: Array<URLSearchParams> = []
  const client = HttpClient.make((request) =>
    Effect.sync(() => {
      if (request.method === "GET") return HttpClientResponse.fromWeb(request, Response.json({ keys: [] }))
      bodies.push(
        new URLSearchParams(request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : "")
      )
      return HttpClientResponse.fromWeb(request, Response.json({ auth_req_id: "id", expires_in: 60 }))
    })
  )
  return { bodies, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

const asked = (
  signing: Partial<SignedRequest.Options>,
  options?: { readonly algorithms?: ReadonlyArray<string>; readonly request?: Partial<AuthenticationRequest.Options> }
) => {
  const { bodies, layer } = provider()
  const algorithms = options?.algorithms ?? ["ES256"]
  return Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo"), ...options?.request }).pipe(
    Effect.as(bodies),
    Effect.provide(
      Ciba.layerNoDiscovery({ clientId: "shop", authentication: ClientAuthentication.none }).pipe(
        Layer.provide(layer),
        Layer.provide(
          Discovery.layerStatic({
            issuer: "https://op.test",
            jwks_uri: "https://op.test/jwks",
            backchannel_authentication_endpoint: "https://op.test/bc",
            backchannel_token_delivery_modes_supported: ["poll"],
            ...(algorithms.length === 0 ? undefined : { [algorithmsMember]: algorithms })
          })
        ),
        Layer.provide(SignedRequest.layer({ key: SigningKey.generate("ES256"), ...signing }))
      )
    )
  )
}

describe("a signed request", () => {
  it.effect("has every parameter as a claim with its JSON type, and its own times (D1, D2, D3, D5–D9, O2)", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("100 seconds")
      const [form] = yield* asked(
        {},
        {
          request: {
            requestedExpiry: "2 minutes",
            authorizationDetails: [{ type: "payment", amount: 1 }],
            requestContext: { channel: "till 3" },
            resource: ["https://a.test", "https://b.test"]
          }
        }
      )
      expect([...(form?.keys() ?? [])]).toEqual(["request", "client_id"])
      expect(yield* part(form?.get("request") ?? "", 1)).toEqual({
        scope: "openid",
        login_hint: "jo",
        requested_expiry: "120",
        authorization_details: [{ type: "payment", amount: 1 }],
        request_context: { channel: "till 3" },
        resource: ["https://a.test", "https://b.test"],
        iss: "shop",
        aud: "https://op.test",
        iat: 100,
        nbf: 100,
        exp: 400,
        jti: expect.stringMatching(/^[\w-]{27}$/)
      })
    })
  )

  it.effect("may name the client inside, too, and live as long as it is told (D8, D15, T-13)", () =>
    Effect.gen(function* () {
      const [form] = yield* asked({ clientIdClaim: true, lifetime: "1 minute" })
      expect(yield* part(form?.get("request") ?? "", 1)).toMatchObject({ client_id: "shop", nbf: 0, exp: 60 })
      expect(form?.get("client_id")).toBe("shop")
    })
  )

  it.effect("is made anew each time (D7, D16)", () =>
    Effect.gen(function* () {
      const key = yield* SigningKey.generate("ES256")
      const [first] = yield* asked({ key })
      const [second] = yield* asked({ key })
      const ids = yield* Effect.forEach([first, second], (form) => part(form?.get("request") ?? "", 1))
      expect(ids[0]?.jti).not.toBe(ids[1]?.jti)
    })
  )

  for (const [what, algorithms] of [
    ["publishes no algorithms", []],
    ["publishes others", ["PS256"]]
  ] as const) {
    it.effect(`is not sent to a provider that ${what} (A5, D10)`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(asked({}, { algorithms }))
        expect(error).toMatchObject({ reason: { _tag: "Unsupported", feature: "requests signed with ES256" } })
      })
    )
  }

  it.effect("is never signed with a shared secret (B4, D4)", () =>
    Effect.gen(function* () {
      const key = SigningKey.fromSecret(Redacted.make("a secret of thirty-two bytes here"), "HS256")
      expect(yield* Effect.flip(asked({ key }))).toMatchObject({ _tag: "InvalidKey" })
    })
  )
})
