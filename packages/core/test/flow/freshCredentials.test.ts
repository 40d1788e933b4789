// Assertions, proofs and signed requests at a provider that rejects a repeated jti.
import { expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, Dpop, JsonWebKey, SignedRequest, UserHint } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestKeys, TestProvider, TestTime } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { requestsTo } from "../support/AuthenticationFlow.ts"
import { claimsOf, dpopProof } from "../support/Jwt.ts"
import { waitUntil } from "../support/TestTime.ts"

const { hang, html, lost, proceed } = ProviderScript

const keys = {
  client: TestKeys.signing("ES256", "client"),
  proof: TestKeys.signing("ES256", "proof"),
  request: TestKeys.signing("PS256", "request")
}

const request = { scope: ["openid"], hint: UserHint.login("jo@example.com"), bindingMessage: "W4SCT" }

const flow = (options: ProviderOptions) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const requestKey = (yield* keys.request).publicJwk
      return Ciba.layer({
        issuer: "https://provider.test",
        clientId: TestClient.clientId,
        authentication: ClientAuthentication.privateKeyJwt(keys.client)
      }).pipe(
        Layer.provide([Dpop.layer({ key: keys.proof }), SignedRequest.layer({ key: keys.request })]),
        Layer.provideMerge(
          TestProvider.layer({
            client: TestClient.privateKeyJwt((yield* keys.client).publicJwk, { requestKey }),
            dpop: { nonces: "lasting" },
            ...options
          })
        ),
        Layer.provideMerge(TestTime.layer)
      )
    })
  )

it.effect(
  "every attempt has a new assertion and a new proof, while nonces rotate and responses are lost, late or not JSON (E5, H26, M1, M5, M6, M14, M16, M17, T-9)",
  () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const asking = yield* Effect.forkChild(Ciba.authenticate(request))
      yield* waitUntil(provider.pending, (pending) => pending.length === 1)
      yield* TestTime.advance("5 seconds")
      yield* provider.rotateDpopNonce
      yield* TestTime.advance("5 seconds")
      yield* provider.rotateDpopNonce
      yield* TestTime.advance("5 seconds")
      yield* waitUntil(provider.polls, (polls) => polls.length === 6)
      yield* TestTime.advance("35 seconds")
      yield* provider.rotateDpopNonce
      yield* provider.approve()
      yield* TestTime.advance("20 seconds")
      const identity = yield* Fiber.join(asking)

      expect(identity).toMatchObject({ subject: "jo", tokenType: "DPoP" })
      const { publicJwk } = yield* keys.proof
      expect(yield* provider.keyThumbprint(identity.accessToken)).toBe(yield* JsonWebKey.thumbprint(publicJwk))
      const tokens = yield* requestsTo("token")
      expect(tokens.map(({ at, error, status }) => [at, error ?? status])).toEqual([
        [5000, "use_dpop_nonce"],
        [5000, "authorization_pending"],
        [10_000, "use_dpop_nonce"],
        [10_000, undefined],
        [15_000, "use_dpop_nonce"],
        [15_000, undefined],
        [50_000, 503],
        [70_000, "use_dpop_nonce"],
        [70_000, 200]
      ])
      const proofs = yield* Effect.forEach(tokens, dpopProof)
      expect(proofs.map(({ claims }) => claims.nonce)).toEqual([
        undefined,
        "nonce-1",
        "nonce-1",
        "nonce-2",
        "nonce-2",
        "nonce-3",
        "nonce-3",
        "nonce-3",
        "nonce-4"
      ])
      const [asked, ...more] = yield* requestsTo("backchannel")
      expect(more).toEqual([])
      if (asked === undefined) return
      expect(asked.headers).not.toHaveProperty("dpop")
      const signed = yield* claimsOf(asked, "request")
      expect(signed).toMatchObject({ binding_message: "W4SCT" })
      const sent = [signed, ...[asked, ...tokens].map(({ parameters }) => Object.fromEntries(parameters))]
      for (const name of ["dpop_jkt", "code_challenge", "code_verifier"]) {
        expect(sent.filter((parameters) => name in parameters)).toEqual([])
      }
      const assertions = yield* Effect.forEach([asked, ...tokens], (one) => claimsOf(one, "client_assertion"))
      const ids = [signed, ...assertions, ...proofs.map(({ claims }) => claims)].map(({ jti }) => jti)
      expect(ids).toHaveLength(20)
      expect(new Set(ids).size).toBe(20)
    }).pipe(
      Effect.provide(
        flow({ tokenScript: ProviderScript.make([proceed, proceed, proceed, lost, proceed, hang, html(503)]) })
      )
    )
)

it.effect(
  "a caller that repeats a request after a lost response and a 503 sends a newly signed request each time (D16, E5, T-9)",
  () =>
    Effect.gen(function* () {
      expect((yield* Effect.flip(Ciba.initiate(request))).reason._tag).toBe("TransportError")
      expect((yield* Effect.flip(Ciba.initiate(request))).reason._tag).toBe("TransportError")
      yield* TestClock.adjust("1 second")
      const pending = yield* Ciba.initiate(request)
      expect(pending.bindingMessage).toBe("W4SCT")
      const asked = yield* requestsTo("backchannel")
      expect(asked.map(({ status }) => status)).toEqual([undefined, 503, 200])
      for (const name of ["request", "client_assertion"]) {
        const ids = yield* Effect.forEach(asked, (one) => Effect.map(claimsOf(one, name), ({ jti }) => jti))
        expect(new Set(ids).size).toBe(3)
      }
    }).pipe(Effect.provide(flow({ backchannelScript: ProviderScript.make([lost, html(503)]) })))
)
