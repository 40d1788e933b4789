import { assert, describe, it } from "@effect/vitest"
import * as SigningKey from "@effect-ciba/core/SigningKey"
import { JsonWebToken } from "@effect-ciba/core/unstable/jose"
import { ProviderScript, TestClient, TestKeys, TestProvider } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Layer, Redacted } from "effect"
import * as Raw from "./Raw.ts"

const key = TestKeys.signing("ES256", "client")

/** A good signed request, but for what is changed. */
const signed = (
  claims: Raw.Claims = {},
  options: { readonly type?: string; readonly with?: SigningKey.SigningKey } = {}
) =>
  Effect.gen(function* () {
    const jwt = yield* JsonWebToken.sign(
      {
        iss: TestClient.clientId,
        aud: Raw.issuer,
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
  it.effect("is asked by its claims, and its algorithm is published", () =>
    Effect.gen(function* () {
      const { body } = yield* Raw.get(`${Raw.issuer}/.well-known/openid-configuration`)
      assert.deepStrictEqual(body.backchannel_authentication_request_signing_alg_values_supported, ["ES256"])
      const claims = { requested_expiry: 42, binding_message: "W4SCT", resource: ["https://a.test"] }
      const answer = yield* Raw.ask(yield* signed(claims, { type: "oauth-authz-req+jwt" }))
      assert.strictEqual(answer.body.expires_in, 42)
      const [pending] = yield* Raw.provider.use((provider) => provider.pending)
      assert.strictEqual(pending?.bindingMessage, "W4SCT")
    }).pipe(provide())
  )

  it.effect("may name the client, and one audience among others", () =>
    Effect.gen(function* () {
      const claims = { client_id: TestClient.clientId, aud: ["https://other.test", Raw.issuer] }
      assert.strictEqual((yield* Raw.ask(yield* signed(claims))).status, 200)
    }).pipe(provide())
  )

  const refused: ReadonlyArray<readonly [what: string, made: ReturnType<typeof signed>, why: string]> = [
    ["another issuer", signed({ iss: "other" }), "iss"],
    ["another client_id", signed({ client_id: "other" }), "iss"],
    ["another audience", signed({ aud: "https://other.test" }), "aud is"],
    ["no jti", signed({ jti: undefined }), "lacks"],
    ["no nbf", signed({ nbf: undefined }), "lacks"],
    ["an end in the past", signed({ exp: 0 }), "expired"],
    ["a time in the future", signed({ iat: 11 }), "future"],
    ["a beginning in the future", signed({ nbf: 11 }), "future"],
    ["another type", signed({}, { type: "client-authentication+jwt" }), "typ"],
    ["another key", Effect.flatMap(SigningKey.generate("ES256"), (other) => signed({}, { with: other })), "signature"],
    ["no form of a token", Effect.map(signed(), (parameters) => ({ ...parameters, request: "nonsense" })), "signature"]
  ]
  for (const [what, made, why] of refused) {
    it.effect(`is refused with invalid_request_object when it has ${what}`, () =>
      Effect.gen(function* () {
        const answer = yield* Raw.ask(yield* made)
        assert.deepStrictEqual([answer.status, answer.body.error], [400, "invalid_request_object"])
        assert.include(answer.body.error_description, why)
      }).pipe(provide())
    )
  }

  it.effect("is good for one request, even if its answer was lost", () =>
    Effect.gen(function* () {
      const once = yield* signed()
      yield* Effect.flip(Raw.ask(once))
      assert.strictEqual(Raw.outcome(yield* Raw.ask(once)), "invalid_request_object")
      assert.strictEqual((yield* Raw.ask(yield* signed({ jti: "two" }))).status, 200)
    }).pipe(provide({ backchannelScript: ProviderScript.make([ProviderScript.lost]) }))
  )

  it.effect("suffers no parameter beside it", () =>
    Effect.gen(function* () {
      const answer = yield* Raw.ask({ ...(yield* signed()), scope: "openid" })
      assert.strictEqual(Raw.outcome(answer), "invalid_request")
    }).pipe(provide())
  )

  it.effect("is the only one that its client may send, and no other client may send one", () =>
    Effect.gen(function* () {
      assert.strictEqual(Raw.outcome(yield* Raw.ask()), "invalid_request")
      const unregistered = yield* Effect.provide(Raw.ask(yield* signed()), TestProvider.layer())
      assert.strictEqual(Raw.outcome(unregistered), "invalid_request")
    }).pipe(provide())
  )
})
