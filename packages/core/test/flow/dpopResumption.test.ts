// One process sends the request, and another one waits: an extractable DPoP key is stored with the pending authentication.
import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication, Dpop, JsonWebKey, SignedRequest, SigningKey } from "@effect-ciba/core"
import type { PendingAuthentication } from "@effect-ciba/core/PendingAuthentication"
import { TestClient, TestProvider, TestTime, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { hint, requestsTo } from "../support/AuthenticationFlow.ts"
import { dpopProof } from "../support/Jwt.ts"

const client = Ciba.layer({
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
})

/** A process that proves with this key. */
const proving = (key: SigningKey.KeyPair) => Layer.provide(client, Dpop.layer({ key }))

const initiate = Ciba.initiate({ scope: ["openid"], hint })

const complete = (pending: PendingAuthentication) =>
  Effect.gen(function* () {
    const waiting = yield* Effect.forkChild(Ciba.complete(pending))
    yield* TestTime.advance("5 seconds")
    return yield* Fiber.join(waiting)
  })

const reveal = (key: Redacted.Redacted<JsonWebKey.JsonWebKey> | undefined) =>
  key === undefined ? undefined : Redacted.value(key)

const nonExtractablePair = Effect.promise(() =>
  crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"])
)

const nonExtractableKey = Effect.flatMap(nonExtractablePair, (pair) =>
  SigningKey.fromCryptoKeyPair(pair, { algorithm: "ES256" })
)

const provideProvider = (options?: ProviderOptions) =>
  Effect.provide(Layer.provideMerge(TestProvider.layer({ user: TestUser.approve(), ...options }), TestTime.layer))

describe("a process that resumes a DPoP authentication", () => {
  it.effect(
    "signs proofs with the stored key, and gives it to the identity, whatever key it is configured with (M1, M5, M6)",
    () =>
      Effect.gen(function* () {
        const provider = yield* TestProvider.TestProvider
        const [own, other] = yield* Effect.all([SigningKey.generate("ES256"), SigningKey.generate("EdDSA")])
        const pending = yield* Effect.provide(initiate, proving(own))
        const identity = yield* Effect.provide(complete(pending), proving(other))
        const thumbprint = yield* JsonWebKey.thumbprint(own.publicJwk)
        expect(yield* provider.keyThumbprint(identity.accessToken)).toBe(thumbprint)
        expect(reveal(identity.dpopKey)).toEqual(reveal(own.privateJwk))
        const proofs = yield* Effect.forEach(yield* requestsTo("token"), dpopProof)
        expect(proofs.map(({ claims }) => claims.nonce)).toEqual([undefined, "nonce-1"])
        for (const { header } of proofs) expect(yield* JsonWebKey.thumbprint(header.jwk)).toBe(thumbprint)
      }).pipe(provideProvider({ dpop: { nonces: "lasting" } }))
  )

  it.effect("fails before it redeems when it is configured without DPoP", () =>
    Effect.gen(function* () {
      const pending = yield* Effect.provide(initiate, proving(yield* SigningKey.generate("ES256")))
      const error = yield* complete(pending).pipe(Effect.flip, Effect.provide(client))
      expect(error).toMatchObject({ _tag: "TokenError", reason: { _tag: "InvalidKey" } })
      expect(error.message).toContain("provide Dpop.layer")
      expect(yield* requestsTo("token")).toEqual([])
    }).pipe(provideProvider())
  )

  it.effect("signs proofs with its configured key when none was stored, and gives it to the identity", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const pending = yield* Effect.provide(initiate, proving(yield* nonExtractableKey))
      expect(pending.dpopKey).toBeUndefined()
      const own = yield* SigningKey.generate("ES256")
      const identity = yield* Effect.provide(complete(pending), proving(own))
      expect(yield* provider.keyThumbprint(identity.accessToken)).toBe(yield* JsonWebKey.thumbprint(own.publicJwk))
      expect(reveal(identity.dpopKey)).toEqual(reveal(own.privateJwk))
    }).pipe(provideProvider())
  )
})

it.effect("a non-extractable key signs requests and proofs, and is not stored (D1, M1)", () =>
  Effect.gen(function* () {
    const key = yield* nonExtractableKey
    yield* Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const pending = yield* initiate
      const identity = yield* complete(pending)
      expect(yield* provider.keyThumbprint(identity.accessToken)).toBe(yield* JsonWebKey.thumbprint(key.publicJwk))
      expect([key.privateJwk, pending.dpopKey, identity.dpopKey]).toEqual([undefined, undefined, undefined])
      const [asked] = yield* requestsTo("backchannel")
      expect(asked?.parameters.map(([name]) => name)).toEqual(["request", "client_id"])
    }).pipe(
      Effect.provide(Layer.provide(proving(key), SignedRequest.layer({ key }))),
      provideProvider({ client: TestClient.clientSecretBasic({ requestKey: key.publicJwk }) })
    )
  })
)

it.effect("an extractable WebCrypto key is stored like any other", () =>
  Effect.gen(function* () {
    const pair = yield* Effect.promise(() => crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]))
    const key = yield* SigningKey.fromCryptoKeyPair(pair, { algorithm: "EdDSA", keyId: "kept" })
    const pending = yield* Effect.provide(initiate, proving(key))
    expect(reveal(pending.dpopKey)).toMatchObject({ ...key.publicJwk, kid: "kept", d: expect.any(String) })
    const again = yield* SigningKey.fromJwk(pending.dpopKey ?? Redacted.make({}))
    expect(again.publicJwk).toEqual(key.publicJwk)
  }).pipe(provideProvider())
)
