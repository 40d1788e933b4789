import { assert, describe, it } from "@effect/vitest"
import { JsonWebToken, TokenHash } from "@effect-ciba/core/unstable/jose"
import { TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Redacted } from "effect"
import { WebCrypto } from "effect/crypto"
import { TestClock } from "effect/testing"
import * as RawClient from "../support/RawClient.ts"

describe("the token response", () => {
  it.effect("contains a Bearer token, its lifetime, the scope, and an ID Token with the specified claims", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId({ acr_values: "gold silver", nonce: "n-1" })
      yield* TestClock.adjust("20 seconds")
      const { body } = yield* RawClient.poll(id)
      assert.deepStrictEqual(Object.keys(body), ["access_token", "token_type", "expires_in", "scope", "id_token"])
      assert.strictEqual(body.token_type, "Bearer")
      assert.strictEqual(body.expires_in, 3600)
      assert.strictEqual(body.scope, "openid profile")
      assert.deepStrictEqual(yield* RawClient.decodePart(body.id_token, 1), {
        iss: RawClient.issuer,
        sub: "jo",
        aud: TestClient.clientId,
        exp: 3620,
        iat: 20,
        auth_time: 12,
        acr: "gold",
        nonce: "n-1",
        at_hash: yield* TokenHash.leftHalf(Redacted.make(RawClient.text(body.access_token)), "RS256")
      })
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve({ after: "12 seconds" }) })))
  )

  it.effect(
    "lacks acr and nonce if the request has none, and contains a refresh token with the option refreshTokens",
    () =>
      Effect.gen(function* () {
        const { body } = yield* RawClient.issue()
        const claims = yield* RawClient.decodePart(body.id_token, 1)
        assert.notProperty(claims, "acr")
        assert.notProperty(claims, "nonce")
        assert.match(RawClient.text(body.refresh_token), /^[\w-]{43}$/)
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
    it.effect(`contains an ID Token that the published key verifies with ${algorithm}`, () =>
      Effect.gen(function* () {
        const { body } = yield* RawClient.issue()
        const key = yield* TestKeys.signing(algorithm)
        const idToken = Redacted.make(RawClient.text(body.id_token))
        assert.propertyVal(yield* JsonWebToken.verify(idToken, { algorithm, key: key.publicJwk }), "sub", "jo")
        const header = yield* RawClient.decodePart(body.id_token, 0)
        assert.strictEqual(header.kid, key.keyId)
        assert.deepStrictEqual((yield* RawClient.get(`${RawClient.issuer}/jwks`)).body, { keys: [key.publicJwk] })
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
    it.effect(`contains an ID Token that the client secret verifies with ${algorithm}`, () =>
      Effect.gen(function* () {
        const { body } = yield* RawClient.issue()
        const idToken = Redacted.make(RawClient.text(body.id_token))
        assert.propertyVal(yield* JsonWebToken.verify(idToken, { algorithm, key: TestClient.secret }), "sub", "jo")
        assert.notProperty(yield* RawClient.decodePart(body.id_token, 0), "kid")
        assert.deepStrictEqual((yield* RawClient.get(`${RawClient.issuer}/jwks`)).body, { keys: [] })
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

  it.effect("is random by WebCrypto from the context, so that a test can seed it", () =>
    Effect.gen(function* () {
      const seeded = new Proxy(globalThis.crypto, {
        get: (target, name) =>
          name === "getRandomValues" ? (bytes: Uint8Array) => bytes.fill(7) : Reflect.get(target, name, target)
      })
      const id = yield* RawClient.obtainAuthReqId().pipe(
        Effect.provideService(WebCrypto.WebCrypto, seeded),
        Effect.provide(TestProvider.layer())
      )
      assert.strictEqual(id, "BwcHBwcHBwcHBwcHBwcHBwcHBwc")
    })
  )
})

describe("a forged ID Token", () => {
  it.effect("has the claims and the key id of the options", () =>
    Effect.gen(function* () {
      const { body } = yield* RawClient.issue()
      assert.propertyVal(yield* RawClient.decodePart(body.id_token, 1), "iss", "https://evil.test")
      assert.propertyVal(yield* RawClient.decodePart(body.id_token, 0), "kid", "unknown")
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          user: TestUser.approve(),
          idTokenClaims: (claims) => ({ ...claims, iss: "https://evil.test" }),
          idTokenHeaderKeyId: "unknown"
        })
      )
    )
  )

  it.effect("has no key id with idTokenHeaderKeyId null", () =>
    Effect.gen(function* () {
      assert.notProperty(yield* RawClient.decodePart((yield* RawClient.issue()).body.id_token, 0), "kid")
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve(), idTokenHeaderKeyId: null })))
  )

  it.effect("is signed with the unpublished key of the option idTokenKey", () =>
    Effect.gen(function* () {
      const stranger = yield* TestKeys.signing("ES256", "stranger")
      const { body } = yield* RawClient.issue().pipe(
        Effect.provide(TestProvider.layer({ user: TestUser.approve(), idTokenKey: stranger }))
      )
      const header = yield* RawClient.decodePart(body.id_token, 0)
      assert.deepStrictEqual([header.alg, header.kid], ["ES256", stranger.keyId])
    })
  )

  it.effect("is in a token response that the option tokenResponse forges", () =>
    Effect.gen(function* () {
      const { body } = yield* RawClient.issue()
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
