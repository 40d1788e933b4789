import { describe, expect, it } from "@effect/vitest"
import { ClientAuthentication, ClientRegistration, Discovery } from "@effect-ciba/core"
import { Effect, Layer } from "effect"
import * as AuthenticatedRequest from "../../src/provider/AuthenticatedRequest.ts"

const clientId = "bank-app"

/** A client whose credentials are these, and the targets that they were asked for. */
const setUp = Effect.fnUntraced(function* (credentials: Parameters<typeof ClientAuthentication.makeCredentials>[0]) {
  const targets: Array<ClientAuthentication.RequestTarget> = []
  const authentication: ClientAuthentication.ClientAuthentication = {
    method: "own",
    credentials: (target) =>
      Effect.sync(() => {
        targets.push(target)
        return ClientAuthentication.makeCredentials(credentials)
      })
  }
  const build = yield* AuthenticatedRequest.make((problem) => problem).pipe(
    Effect.provide(
      Layer.merge(
        ClientRegistration.layer({ clientId, authentication }),
        Discovery.layerStatic({
          issuer: "https://op.test",
          token_endpoint: "https://op.test/token",
          revocation_endpoint: "https://op.test/revoke"
        })
      )
    )
  )
  return { build, targets }
})

const bodyOf = (request: { readonly body: object }): unknown =>
  "body" in request.body && request.body.body instanceof Uint8Array ? new TextDecoder().decode(request.body.body) : ""

describe("an authenticated request", () => {
  it.effect("has the parameters of client authentication in place of those with their names", () =>
    Effect.gen(function* () {
      const { build } = yield* setUp({ parameters: [["client_id", "own"]] })
      const request = yield* build("token_endpoint", {
        parameters: [
          ["client_id", "given"],
          ["scope", "openid"]
        ]
      })
      expect(bodyOf(request)).toBe("scope=openid&client_id=own")
    })
  )

  it.effect("has the headers of client authentication in place of those with their names", () =>
    Effect.gen(function* () {
      const { build } = yield* setUp({ headers: { authorization: "own" } })
      const headers = { authorization: "given", "x-more": "1" }
      const request = yield* build("token_endpoint", { parameters: [], headers })
      expect(request.headers).toMatchObject({ authorization: "own", "x-more": "1", accept: "application/json" })
    })
  )

  it.effect("is authenticated for the same target each time, and for another one at another endpoint", () =>
    Effect.gen(function* () {
      const { build, targets } = yield* setUp({})
      for (const endpoint of ["token_endpoint", "token_endpoint", "revocation_endpoint"] as const) {
        yield* build(endpoint, { parameters: [] })
      }
      const [first, second, other] = targets
      expect(first).toEqual({ clientId, issuer: "https://op.test", endpoint: "https://op.test/token" })
      expect(second).toBe(first)
      expect(other).toEqual({ ...first, endpoint: "https://op.test/revoke" })
    })
  )
})
