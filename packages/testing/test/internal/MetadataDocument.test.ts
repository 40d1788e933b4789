import { assert, describe, it } from "@effect/vitest"
import { TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect } from "effect"
import * as RawClient from "../support/RawClient.ts"

describe("MetadataDocument", () => {
  it.effect("contains what CIBA requires of a provider", () =>
    Effect.gen(function* () {
      const { body } = yield* RawClient.get(`${RawClient.issuer}/.well-known/openid-configuration`)
      assert.strictEqual(body.backchannel_authentication_endpoint, `${RawClient.issuer}/backchannel`)
      assert.deepStrictEqual(body.backchannel_token_delivery_modes_supported, ["poll"])
      assert.deepStrictEqual(body.grant_types_supported, ["urn:openid:params:grant-type:ciba"])
      assert.deepStrictEqual(body.token_endpoint_auth_methods_supported, ["client_secret_basic"])
      assert.deepStrictEqual(body.id_token_signing_alg_values_supported, ["RS256"])
      assert.strictEqual(body.backchannel_user_code_parameter_supported, false)
    }).pipe(Effect.provide(TestProvider.layer()))
  )

  it.effect("announces user codes if an end-user has one", () =>
    Effect.gen(function* () {
      const { body } = yield* RawClient.get(`${RawClient.issuer}/.well-known/openid-configuration`)
      assert.strictEqual(body.backchannel_user_code_parameter_supported, true)
    }).pipe(Effect.provide(TestProvider.layer({ user: TestUser.approve({ userCode: "1234" }) })))
  )

  it.effect("contains the refresh token grant with the option refreshTokens, and the endpoints for issued tokens", () =>
    Effect.gen(function* () {
      const { body } = yield* RawClient.get(`${RawClient.issuer}/.well-known/openid-configuration`)
      assert.deepInclude(body, {
        grant_types_supported: ["urn:openid:params:grant-type:ciba", "refresh_token"],
        userinfo_endpoint: `${RawClient.issuer}/userinfo`,
        introspection_endpoint: `${RawClient.issuer}/introspection`,
        revocation_endpoint: `${RawClient.issuer}/revocation`
      })
    }).pipe(Effect.provide(TestProvider.layer({ refreshTokens: true })))
  )

  it.effect("is forged by the option metadata, as the JWK Set by the option keys", () =>
    Effect.gen(function* () {
      const metadata = yield* RawClient.get(`${RawClient.issuer}/.well-known/openid-configuration`)
      const keys = yield* RawClient.get(`${RawClient.issuer}/jwks`)
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
})
