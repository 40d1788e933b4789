import { assert, describe, it } from "@effect/vitest"
import * as SigningKey from "@effect-ciba/core/SigningKey"
import { JsonWebToken } from "@effect-ciba/core/unstable/jose"
import { ProviderScript, TestClient, TestKeys, TestProvider } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Layer, Redacted } from "effect"
import * as RawClient from "../support/RawClient.ts"

const key = TestKeys.signing("ES256", "client")

/** The parameters of a valid signed request, with changes. */
const sign = (
  claims: RawClient.Claims = {},
  options: { readonly type?: string; readonly with?: SigningKey.SigningKey } = {}
) =>
  Effect.gen(function* () {
    const jwt = yield* JsonWebToken.sign(
      {
        iss: TestClient.clientId,
        aud: RawClient.issuer,
        jti: "one",
        iat: 0,
        nbf: 0,
        exp: 60,
        scope: "openid",
        login_hint: "jo@example.com",
        ...claims
      },
      { key: options.with ?? (yield* key), type: options.type }
    )
    return { request: Redacted.value(jwt), scope: undefined, login_hint: undefined }
  })

const provide = (options: ProviderOptions = {}) =>
  Effect.provide(
    Layer.unwrap(
      Effect.map(key, ({ publicJwk }) =>
        TestProvider.layer({ client: TestClient.clientSecretBasic({ requestKey: publicJwk }), ...options })
      )
    )
  )

describe("a signed request", () => {
  it.effect("has its parameters in the claims, and its algorithm in the metadata", () =>
    Effect.gen(function* () {
      const { body } = yield* RawClient.get(`${RawClient.issuer}/.well-known/openid-configuration`)
      assert.deepStrictEqual(body.backchannel_authentication_request_signing_alg_values_supported, ["ES256"])
      const claims = { requested_expiry: 42, binding_message: "W4SCT", resource: ["https://a.test"] }
      const response = yield* RawClient.initiate(yield* sign(claims, { type: "oauth-authz-req+jwt" }))
      assert.strictEqual(response.body.expires_in, 42)
      const [pending] = yield* RawClient.provider.use((provider) => provider.pending)
      assert.strictEqual(pending?.bindingMessage, "W4SCT")
    }).pipe(provide())
  )

  it.effect("may contain client_id, and the issuer among other audiences", () =>
    Effect.gen(function* () {
      const claims = { client_id: TestClient.clientId, aud: ["https://other.test", RawClient.issuer] }
      assert.strictEqual((yield* RawClient.initiate(yield* sign(claims))).status, 200)
    }).pipe(provide())
  )

  const refused: ReadonlyArray<readonly [what: string, forged: ReturnType<typeof sign>, why: string]> = [
    ["another issuer", sign({ iss: "other" }), "iss"],
    ["another client_id", sign({ client_id: "other" }), "iss"],
    ["another audience", sign({ aud: "https://other.test" }), "aud is"],
    ["no jti", sign({ jti: undefined }), "lacks"],
    ["no nbf", sign({ nbf: undefined }), "lacks"],
    ["an exp in the past", sign({ exp: 0 }), "expired"],
    ["an iat in the future", sign({ iat: 11 }), "future"],
    ["an nbf in the future", sign({ nbf: 11 }), "future"],
    ["another typ", sign({}, { type: "client-authentication+jwt" }), "typ"],
    ["another key", Effect.flatMap(SigningKey.generate("ES256"), (other) => sign({}, { with: other })), "signature"],
    ["the form of no JWT", Effect.map(sign(), (parameters) => ({ ...parameters, request: "nonsense" })), "signature"]
  ]
  for (const [what, forged, why] of refused) {
    it.effect(`is refused with invalid_request_object if it has ${what}`, () =>
      Effect.gen(function* () {
        const response = yield* RawClient.initiate(yield* forged)
        assert.deepStrictEqual([response.status, response.body.error], [400, "invalid_request_object"])
        assert.include(response.body.error_description, why)
      }).pipe(provide())
    )
  }

  it.effect("is accepted once, even if the response was lost", () =>
    Effect.gen(function* () {
      const parameters = yield* sign()
      yield* Effect.flip(RawClient.initiate(parameters))
      assert.strictEqual(RawClient.outcome(yield* RawClient.initiate(parameters)), "invalid_request_object")
      assert.strictEqual((yield* RawClient.initiate(yield* sign({ jti: "two" }))).status, 200)
    }).pipe(provide({ backchannelScript: ProviderScript.make([ProviderScript.lost]) }))
  )

  it.effect("is refused if the form contains another parameter", () =>
    Effect.gen(function* () {
      const response = yield* RawClient.initiate({ ...(yield* sign()), scope: "openid" })
      assert.strictEqual(RawClient.outcome(response), "invalid_request")
    }).pipe(provide())
  )

  it.effect("is mandatory for a client with requestSigning, and forbidden for every other client", () =>
    Effect.gen(function* () {
      assert.strictEqual(RawClient.outcome(yield* RawClient.initiate()), "invalid_request")
      const unregistered = yield* Effect.provide(RawClient.initiate(yield* sign()), TestProvider.layer())
      assert.strictEqual(RawClient.outcome(unregistered), "invalid_request")
    }).pipe(provide())
  )
})
