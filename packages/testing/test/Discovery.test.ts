import { assert, describe, it } from "@effect/vitest"
import { TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect } from "effect"
import { HttpClient } from "effect/http"
import * as Raw from "./Raw.ts"

describe("discovery", () => {
  it.effect("appends the OpenID Connect path to an issuer with a path, and inserts that of RFC 8414", () =>
    Effect.gen(function* () {
      const appended = yield* Raw.get("https://op.test/tenant/.well-known/openid-configuration")
      const inserted = yield* Raw.get("https://op.test/.well-known/oauth-authorization-server/tenant")
      const neither = yield* HttpClient.get("https://op.test/.well-known/openid-configuration")
      assert.deepStrictEqual(appended.body, inserted.body)
      assert.strictEqual(appended.body.issuer, "https://op.test/tenant")
      assert.strictEqual(appended.body.token_endpoint, "https://op.test/tenant/token")
      assert.strictEqual(neither.status, 404)
    }).pipe(Effect.provide(TestProvider.layer({ issuer: "https://op.test/tenant" })))
  )

  it.effect("publishes what CIBA requires of a provider", () =>
    Effect.gen(function* () {
      const { body } = yield* Raw.get(`${Raw.issuer}/.well-known/openid-configuration`)
      assert.strictEqual(body.backchannel_authentication_endpoint, `${Raw.issuer}/backchannel`)
      assert.deepStrictEqual(body.backchannel_token_delivery_modes_supported, ["poll"])
      assert.deepStrictEqual(body.grant_types_supported, ["urn:openid:params:grant-type:ciba"])
      assert.deepStrictEqual(body.token_endpoint_auth_methods_supported, ["client_secret_basic"])
      assert.deepStrictEqual(body.id_token_signing_alg_values_supported, ["RS256"])
      assert.strictEqual(body.backchannel_user_code_parameter_supported, false)
    }).pipe(Effect.provide(TestProvider.layer()))
  )

  it.effect("says that user codes are supported as soon as a person has one", () =>
    Effect.gen(function* () {
      const { body } = yield* Raw.get(`${Raw.issuer}/.well-known/openid-configuration`)
      assert.strictEqual(body.backchannel_user_code_parameter_supported, true)
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve({ userCode: "1234" }) })))
  )

  it.effect("publishes the public half of each key that its clients' ID Tokens need", () =>
    Effect.gen(function* () {
      const { body } = yield* Raw.get(`${Raw.issuer}/jwks`)
      const key = yield* TestKeys.signing("ES256")
      assert.deepStrictEqual(body, { keys: [key.publicJwk] })
      assert.notProperty(key.publicJwk, "d")
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          client: [
            TestClient.clientSecretBasic({ idTokenSignedResponseAlg: "ES256" }),
            TestClient.clientSecretPost({ clientId: "other", idTokenSignedResponseAlg: "HS256" })
          ]
        })
      )
    )
  )

  it.effect("forges metadata and keys when it is told to", () =>
    Effect.gen(function* () {
      const metadata = yield* Raw.get(`${Raw.issuer}/.well-known/openid-configuration`)
      const keys = yield* Raw.get(`${Raw.issuer}/jwks`)
      assert.strictEqual(metadata.body.issuer, "https://evil.test")
      assert.deepStrictEqual(keys.body, { keys: [] })
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          metadata: (document) => ({ ...document, issuer: "https://evil.test" }),
          keys: () => ({ keys: [] })
        })
      )
    )
  )

  it.effect("publishes only the new keys after a rotation", () =>
    Effect.gen(function* () {
      const before = yield* Raw.get(`${Raw.issuer}/jwks`)
      yield* Raw.provider.use((provider) => provider.rotateKeys)
      const after = yield* Raw.get(`${Raw.issuer}/jwks`)
      const key = yield* TestKeys.signing("ES256", "provider, rotation 1")
      assert.deepStrictEqual(after.body, { keys: [key.publicJwk] })
      assert.notDeepEqual(before.body, after.body)
    }).pipe(
      Effect.provide(
        TestProvider.layer({ client: TestClient.clientSecretBasic({ idTokenSignedResponseAlg: "ES256" }) })
      )
    )
  )

  it.effect("cannot be reached under another host", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(HttpClient.get("https://elsewhere.test/jwks"))
      const plain = yield* Effect.flip(HttpClient.get("http://provider.test/jwks"))
      assert.strictEqual(error.reason._tag, "TransportError")
      assert.strictEqual(plain.reason._tag, "TransportError")
    }).pipe(Effect.provide(TestProvider.layer()))
  )
})
