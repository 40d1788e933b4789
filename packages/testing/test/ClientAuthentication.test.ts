import { assert, describe, it } from "@effect/vitest"
import * as SigningKey from "@effect-ciba/core/SigningKey"
import { JsonWebToken } from "@effect-ciba/core/unstable/jose"
import { TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as Raw from "./Raw.ts"

const { clientId } = TestClient
const secret = Redacted.value(TestClient.secret)
const type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const assertion = (
  key: SigningKey.SigningKey,
  options: { readonly claims?: Readonly<Record<string, unknown>>; readonly type?: string } = {}
) =>
  Effect.map(
    JsonWebToken.sign(
      { iss: clientId, sub: clientId, aud: Raw.issuer, jti: "one", exp: 60, iat: 0, ...options.claims },
      { key, type: options.type }
    ),
    (jwt) => ({ client_assertion_type: type, client_assertion: Redacted.value(jwt) })
  )

describe("client_secret_basic", () => {
  const provide = Effect.provide(TestProvider.layer())

  it.effect("decodes id and secret, which are form-encoded", () =>
    Effect.gen(function* () {
      assert.include(secret, "%")
      assert.strictEqual((yield* Raw.ask()).status, 200)
    }).pipe(provide)
  )

  it.effect("is refused with a challenge when the secret is wrong", () =>
    Effect.gen(function* () {
      const answer = yield* Raw.ask({}, Raw.basic(clientId, "wrong"))
      assert.strictEqual(answer.status, 401)
      assert.strictEqual(answer.body.error, "invalid_client")
      assert.match(answer.headers["www-authenticate"] ?? "", /^Basic/)
    }).pipe(provide)
  )

  const refused: ReadonlyArray<readonly [string, string | null, Raw.Parameters, string]> = [
    ["an unknown client", Raw.basic("nobody", secret), {}, "invalid_client"],
    ["nonsense", "Basic !", {}, "invalid_client"],
    ["another scheme", "Bearer token", {}, "invalid_client"],
    ["another client's id in the form", Raw.defaultBasic, { client_id: "nobody" }, "invalid_client"],
    ["the secret in the form", null, { client_id: clientId, client_secret: secret }, "invalid_client"],
    ["the client id alone", null, { client_id: clientId }, "invalid_client"],
    ["nothing", null, {}, "invalid_client"],
    ["two methods at once", Raw.defaultBasic, { client_id: clientId, client_secret: secret }, "invalid_request"]
  ]
  for (const [what, authorization, parameters, code] of refused) {
    it.effect(`is refused with ${code}: ${what}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(Raw.outcome(yield* Raw.ask(parameters, authorization)), code)
        assert.strictEqual(Raw.outcome(yield* Raw.poll("id", parameters, authorization)), code)
      }).pipe(provide)
    )
  }
})

describe("client_secret_post and none", () => {
  it.effect("take the secret, and the client id alone, from the form", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Raw.ask({ client_id: clientId, client_secret: secret }, null)).status, 200)
      assert.strictEqual((yield* Raw.ask({ client_id: "public" }, null)).status, 200)
      const wrong = yield* Raw.ask({ client_id: clientId, client_secret: "wrong" }, null)
      assert.strictEqual(Raw.outcome(wrong), "invalid_client")
    }).pipe(
      Effect.provide(
        TestProvider.layer({ client: [TestClient.clientSecretPost(), TestClient.none({ clientId: "public" })] })
      )
    )
  )
})

describe("client_secret_jwt", () => {
  it.effect("accepts an assertion signed with the secret and the registered algorithm", () =>
    Effect.gen(function* () {
      const right = yield* assertion(SigningKey.fromSecret(TestClient.secret, "HS384"))
      assert.strictEqual((yield* Raw.ask(right, null)).status, 200)
      const other = yield* assertion(SigningKey.fromSecret(TestClient.secret, "HS256"), { claims: { jti: "two" } })
      assert.strictEqual(Raw.outcome(yield* Raw.ask(other, null)), "invalid_client")
    }).pipe(Effect.provide(TestProvider.layer({ client: TestClient.clientSecretJwt({ algorithm: "HS384" }) })))
  )
})

describe("private_key_jwt", () => {
  const key = TestKeys.signing("ES256", "client")
  const provide = Effect.provide(
    Layer.unwrap(
      Effect.map(key, ({ publicJwk }) =>
        TestProvider.layer({ client: TestClient.privateKeyJwt(publicJwk), user: TestUser.approve() })
      )
    )
  )

  for (const named of [{}, { client_id: clientId }]) {
    it.effect(`accepts an assertion ${"client_id" in named ? "with" : "without"} a client_id beside it`, () =>
      Effect.gen(function* () {
        const parameters = yield* assertion(yield* key, { type: "client-authentication+jwt" })
        assert.strictEqual((yield* Raw.ask({ ...parameters, ...named }, null)).status, 200)
      }).pipe(provide)
    )
  }

  it.effect("refuses an assertion's jti the second time, at whichever endpoint", () =>
    Effect.gen(function* () {
      const parameters = yield* assertion(yield* key)
      const authReqId = yield* Raw.acknowledged(parameters, null)
      assert.strictEqual(Raw.outcome(yield* Raw.poll(authReqId, parameters, null)), "invalid_client")
      const fresh = yield* assertion(yield* key, { claims: { jti: "two" } })
      assert.strictEqual(Raw.outcome(yield* Raw.poll(authReqId, fresh, null)), 200)
    }).pipe(provide)
  )

  const refused: ReadonlyArray<readonly [string, Readonly<Record<string, unknown>>]> = [
    ["iss is another", { iss: "other" }],
    ["sub is another", { sub: "other" }],
    ["aud is the endpoint", { aud: `${Raw.issuer}/backchannel` }],
    ["aud is an array", { aud: [Raw.issuer] }],
    ["jti is missing", { jti: undefined }],
    ["exp is missing", { exp: undefined }],
    ["it has expired", { exp: 0 }],
    ["iat is a minute ahead", { iat: 60, exp: 120 }],
    ["nbf is a minute ahead", { nbf: 60, exp: 120 }]
  ]
  for (const [what, claims] of refused) {
    it.effect(`refuses an assertion when ${what}`, () =>
      Effect.gen(function* () {
        const parameters = yield* assertion(yield* key, { claims })
        assert.strictEqual(Raw.outcome(yield* Raw.ask({ ...parameters, client_id: clientId }, null)), "invalid_client")
      }).pipe(provide)
    )
  }

  it.effect("refuses an assertion of another type, of another key, and what is no assertion", () =>
    Effect.gen(function* () {
      const typed = yield* assertion(yield* key, { type: "dpop+jwt" })
      assert.strictEqual(Raw.outcome(yield* Raw.ask(typed, null)), "invalid_client")
      const foreign = yield* assertion(yield* TestKeys.signing("ES256", "stranger"))
      assert.strictEqual(Raw.outcome(yield* Raw.ask(foreign, null)), "invalid_client")
      const nonsense = { client_assertion_type: type, client_assertion: "nonsense", client_id: clientId }
      assert.strictEqual(Raw.outcome(yield* Raw.ask(nonsense, null)), "invalid_client")
      const untyped = { ...(yield* assertion(yield* key)), client_assertion_type: "other" }
      assert.strictEqual(Raw.outcome(yield* Raw.ask(untyped, null)), "invalid_request")
    }).pipe(provide)
  )

  it.effect("judges an assertion by the time of the clock", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(Raw.outcome(yield* Raw.ask(yield* assertion(yield* key), null)), "invalid_client")
      const fresh = yield* assertion(yield* key, { claims: { iat: 3600, exp: 3660 } })
      assert.strictEqual((yield* Raw.ask(fresh, null)).status, 200)
    }).pipe(provide)
  )

  it.effect("accepts another audience when it is told to", () =>
    Effect.gen(function* () {
      const { publicJwk } = yield* key
      const aud = `${Raw.issuer}/token`
      const parameters = yield* assertion(yield* key, { claims: { aud } })
      const answer = yield* Raw.ask(parameters, null).pipe(
        Effect.provide(
          TestProvider.layer({ client: TestClient.privateKeyJwt(publicJwk), assertionAudiences: [Raw.issuer, aud] })
        )
      )
      assert.strictEqual(answer.status, 200)
    })
  )
})
