import { assert, describe, it } from "@effect/vitest"
import { JsonWebToken, TokenHash } from "@effect-ciba/core/unstable/jose"
import { TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Redacted } from "effect"
import { WebCrypto } from "effect/crypto"
import { TestClock } from "effect/testing"
import * as Raw from "./Raw.ts"

const tokens = (parameters: Raw.Parameters = {}) => Effect.flatMap(Raw.acknowledged(parameters), (id) => Raw.poll(id))

describe("the token response", () => {
  it.effect(
    "has a bearer token with its lifetime, the scope, and an ID Token with the claims of the specification",
    () =>
      Effect.gen(function* () {
        const id = yield* Raw.acknowledged({ acr_values: "gold silver", nonce: "n-1" })
        yield* TestClock.adjust("20 seconds")
        const { body } = yield* Raw.poll(id)
        assert.deepStrictEqual(Object.keys(body), ["access_token", "token_type", "expires_in", "scope", "id_token"])
        assert.strictEqual(body.token_type, "Bearer")
        assert.strictEqual(body.expires_in, 3600)
        assert.strictEqual(body.scope, "openid profile")
        assert.deepStrictEqual(yield* Raw.part(body.id_token, 1), {
          iss: Raw.issuer,
          sub: "jo",
          aud: TestClient.clientId,
          exp: 3620,
          iat: 20,
          auth_time: 12,
          acr: "gold",
          nonce: "n-1",
          at_hash: yield* TokenHash.leftHalf(Redacted.make(Raw.text(body.access_token)), "RS256")
        })
      }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve({ after: "12 seconds" }) })))
  )

  it.effect("has neither acr nor nonce when none was asked for, and a refresh token when the provider has them", () =>
    Effect.gen(function* () {
      const { body } = yield* tokens()
      const claims = yield* Raw.part(body.id_token, 1)
      assert.notProperty(claims, "acr")
      assert.notProperty(claims, "nonce")
      assert.match(Raw.text(body.refresh_token), /^[\w-]{43}$/)
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve(), refreshTokens: true })))
  )

  for (const algorithm of [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519"
  ] as const) {
    it.effect(`has an ID Token that verifies with the published key: ${algorithm}`, () =>
      Effect.gen(function* () {
        const { body } = yield* tokens()
        const key = yield* TestKeys.signing(algorithm)
        const idToken = Redacted.make(Raw.text(body.id_token))
        assert.propertyVal(yield* JsonWebToken.verify(idToken, { algorithm, key: key.publicJwk }), "sub", "jo")
        const header = yield* Raw.part(body.id_token, 0)
        assert.strictEqual(header.kid, key.keyId)
        assert.deepStrictEqual((yield* Raw.get(`${Raw.issuer}/jwks`)).body, { keys: [key.publicJwk] })
      }).pipe(
        Effect.provide(
          TestProvider.layer({
            client: TestClient.clientSecretBasic({ idTokenSignedResponseAlg: algorithm }),
            user: TestUser.approve()
          })
        )
      )
    )
  }

  for (const algorithm of ["HS256", "HS384", "HS512"] as const) {
    it.effect(`has an ID Token that verifies with the client secret: ${algorithm}`, () =>
      Effect.gen(function* () {
        const { body } = yield* tokens()
        const idToken = Redacted.make(Raw.text(body.id_token))
        assert.propertyVal(yield* JsonWebToken.verify(idToken, { algorithm, key: TestClient.secret }), "sub", "jo")
        assert.notProperty(yield* Raw.part(body.id_token, 0), "kid")
        assert.deepStrictEqual((yield* Raw.get(`${Raw.issuer}/jwks`)).body, { keys: [] })
      }).pipe(
        Effect.provide(
          TestProvider.layer({
            client: TestClient.clientSecretBasic({ idTokenSignedResponseAlg: algorithm }),
            user: TestUser.approve()
          })
        )
      )
    )
  }

  it.effect("is signed with the new key after a rotation", () =>
    Effect.gen(function* () {
      const first = yield* Raw.part((yield* tokens()).body.id_token, 0)
      yield* Raw.provider.use((provider) => provider.rotateKeys)
      const second = yield* Raw.part((yield* tokens()).body.id_token, 0)
      assert.strictEqual(first.kid, (yield* TestKeys.signing("ES256")).keyId)
      assert.strictEqual(second.kid, (yield* TestKeys.signing("ES256", "provider, rotation 1")).keyId)
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          client: TestClient.clientSecretBasic({ idTokenSignedResponseAlg: "ES256" }),
          user: TestUser.approve()
        })
      )
    )
  )

  it.effect("comes from a seeded source of randomness when there is one", () =>
    Effect.gen(function* () {
      const seeded = new Proxy(globalThis.crypto, {
        get: (target, name) =>
          name === "getRandomValues" ? (bytes: Uint8Array) => bytes.fill(7) : Reflect.get(target, name, target)
      })
      const id = yield* Raw.acknowledged().pipe(
        Effect.provideService(WebCrypto.WebCrypto, seeded),
        Effect.provide(TestProvider.layer())
      )
      assert.strictEqual(id, "BwcHBwcHBwcHBwcHBwcHBwcHBwc")
    })
  )
})

describe("a forged ID Token", () => {
  it.effect("has the claims and the key id that the options make", () =>
    Effect.gen(function* () {
      const { body } = yield* tokens()
      assert.propertyVal(yield* Raw.part(body.id_token, 1), "iss", "https://evil.test")
      assert.propertyVal(yield* Raw.part(body.id_token, 0), "kid", "unheard-of")
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          user: TestUser.approve(),
          idTokenClaims: (claims) => ({ ...claims, iss: "https://evil.test" }),
          idTokenHeaderKeyId: "unheard-of"
        })
      )
    )
  )

  it.effect("has no key id when that is null", () =>
    Effect.gen(function* () {
      assert.notProperty(yield* Raw.part((yield* tokens()).body.id_token, 0), "kid")
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve(), idTokenHeaderKeyId: null })))
  )

  it.effect("is signed with a key that nobody published", () =>
    Effect.gen(function* () {
      const stranger = yield* TestKeys.signing("ES256", "stranger")
      const { body } = yield* tokens().pipe(
        Effect.provide(TestProvider.layer({ user: TestUser.approve(), idTokenKey: stranger }))
      )
      const header = yield* Raw.part(body.id_token, 0)
      assert.deepStrictEqual([header.alg, header.kid], ["ES256", stranger.keyId])
    })
  )

  it.effect("may sit in a forged token response", () =>
    Effect.gen(function* () {
      const { body } = yield* tokens()
      assert.deepStrictEqual(Object.keys(body), ["id_token", "token_type"])
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          user: TestUser.approve(),
          tokenResponse: ({ id_token }) => ({ id_token, token_type: "bEARER" })
        })
      )
    )
  )
})

describe("TestKeys", () => {
  it.effect("makes a key once, however many ask at the same time", () =>
    Effect.gen(function* () {
      const keys = yield* Effect.all([TestKeys.signing("PS256", "shared"), TestKeys.signing("PS256", "shared")], {
        concurrency: "unbounded"
      })
      assert.strictEqual(keys[0], keys[1])
      assert.notStrictEqual(keys[0], yield* TestKeys.signing("PS256", "other"))
    })
  )
})
