import { assert, describe, it } from "@effect/vitest"
import * as SigningKey from "@effect-ciba/core/SigningKey"
import { JsonWebToken } from "@effect-ciba/core/unstable/jose"
import { TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as RawClient from "../support/RawClient.ts"

const { clientId } = TestClient
const secret = Redacted.value(TestClient.secret)
const type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const assertion = (
  key: SigningKey.SigningKey,
  options: { readonly claims?: Readonly<Record<string, unknown>>; readonly type?: string } = {}
) =>
  Effect.map(
    JsonWebToken.sign(
      { iss: clientId, sub: clientId, aud: RawClient.issuer, jti: "one", exp: 60, iat: 0, ...options.claims },
      { key, type: options.type }
    ),
    (jwt) => ({ client_assertion_type: type, client_assertion: Redacted.value(jwt) })
  )

describe("client_secret_basic", () => {
  const provide = Effect.provide(TestProvider.layer())

  it.effect("is form-decoded into client identifier and secret", () =>
    Effect.gen(function* () {
      assert.include(secret, "%")
      assert.strictEqual((yield* RawClient.initiate()).status, 200)
    }).pipe(provide)
  )

  it.effect("is refused with a challenge if the secret is wrong", () =>
    Effect.gen(function* () {
      const response = yield* RawClient.initiate({}, RawClient.basic(clientId, "wrong"))
      assert.strictEqual(response.status, 401)
      assert.strictEqual(response.body.error, "invalid_client")
      assert.match(response.headers["www-authenticate"] ?? "", /^Basic/)
    }).pipe(provide)
  )

  const refused: ReadonlyArray<readonly [string, string | null, RawClient.Parameters, string]> = [
    ["an unknown client", RawClient.basic("unknown", secret), {}, "invalid_client"],
    ["a malformed header", "Basic !", {}, "invalid_client"],
    ["another scheme", "Bearer token", {}, "invalid_client"],
    [
      "the identifier of another client in the form",
      RawClient.defaultBasic,
      { client_id: "unknown" },
      "invalid_client"
    ],
    ["the secret in the form", null, { client_id: clientId, client_secret: secret }, "invalid_client"],
    ["the client id alone", null, { client_id: clientId }, "invalid_client"],
    ["no credentials", null, {}, "invalid_client"],
    ["two methods at once", RawClient.defaultBasic, { client_id: clientId, client_secret: secret }, "invalid_request"]
  ]
  for (const [what, authorization, parameters, code] of refused) {
    it.effect(`is refused with ${code} if the request has ${what}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(RawClient.outcome(yield* RawClient.initiate(parameters, authorization)), code)
        assert.strictEqual(RawClient.outcome(yield* RawClient.poll("id", parameters, authorization)), code)
      }).pipe(provide)
    )
  }
})

describe("client_secret_post and none", () => {
  it.effect("are read from the form, as a secret and as client_id alone", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* RawClient.initiate({ client_id: clientId, client_secret: secret }, null)).status, 200)
      assert.strictEqual((yield* RawClient.initiate({ client_id: "public" }, null)).status, 200)
      const wrong = yield* RawClient.initiate({ client_id: clientId, client_secret: "wrong" }, null)
      assert.strictEqual(RawClient.outcome(wrong), "invalid_client")
    }).pipe(
      Effect.provide(
        TestProvider.layer({ client: [TestClient.clientSecretPost(), TestClient.none({ clientId: "public" })] })
      )
    )
  )
})

describe("client_secret_jwt", () => {
  it.effect("accepts an assertion signed with the secret by the registered algorithm alone", () =>
    Effect.gen(function* () {
      const valid = yield* assertion(SigningKey.fromSecret(TestClient.secret, "HS384"))
      assert.strictEqual((yield* RawClient.initiate(valid, null)).status, 200)
      const other = yield* assertion(SigningKey.fromSecret(TestClient.secret, "HS256"), { claims: { jti: "two" } })
      assert.strictEqual(RawClient.outcome(yield* RawClient.initiate(other, null)), "invalid_client")
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
    it.effect(`accepts an assertion ${"client_id" in named ? "with" : "without"} the parameter client_id`, () =>
      Effect.gen(function* () {
        const parameters = yield* assertion(yield* key, { type: "client-authentication+jwt" })
        assert.strictEqual((yield* RawClient.initiate({ ...parameters, ...named }, null)).status, 200)
      }).pipe(provide)
    )
  }

  it.effect("refuses a repeated jti, also at another endpoint", () =>
    Effect.gen(function* () {
      const parameters = yield* assertion(yield* key)
      const authReqId = yield* RawClient.obtainAuthReqId(parameters, null)
      assert.strictEqual(RawClient.outcome(yield* RawClient.poll(authReqId, parameters, null)), "invalid_client")
      const fresh = yield* assertion(yield* key, { claims: { jti: "two" } })
      assert.strictEqual(RawClient.outcome(yield* RawClient.poll(authReqId, fresh, null)), 200)
    }).pipe(provide)
  )

  const refused: ReadonlyArray<readonly [string, Readonly<Record<string, unknown>>]> = [
    ["iss is another client", { iss: "other" }],
    ["sub is another client", { sub: "other" }],
    ["aud is the endpoint", { aud: `${RawClient.issuer}/backchannel` }],
    ["aud is an array", { aud: [RawClient.issuer] }],
    ["jti is missing", { jti: undefined }],
    ["exp is missing", { exp: undefined }],
    ["it has expired", { exp: 0 }],
    ["iat is a minute ahead", { iat: 60, exp: 120 }],
    ["nbf is a minute ahead", { nbf: 60, exp: 120 }]
  ]
  for (const [what, claims] of refused) {
    it.effect(`refuses an assertion if ${what}`, () =>
      Effect.gen(function* () {
        const parameters = yield* assertion(yield* key, { claims })
        assert.strictEqual(
          RawClient.outcome(yield* RawClient.initiate({ ...parameters, client_id: clientId }, null)),
          "invalid_client"
        )
      }).pipe(provide)
    )
  }

  it.effect("refuses an assertion of another typ or key, another client_assertion_type, and what is no JWT", () =>
    Effect.gen(function* () {
      const typed = yield* assertion(yield* key, { type: "dpop+jwt" })
      assert.strictEqual(RawClient.outcome(yield* RawClient.initiate(typed, null)), "invalid_client")
      const foreign = yield* assertion(yield* TestKeys.signing("ES256", "stranger"))
      assert.strictEqual(RawClient.outcome(yield* RawClient.initiate(foreign, null)), "invalid_client")
      const nonsense = { client_assertion_type: type, client_assertion: "nonsense", client_id: clientId }
      assert.strictEqual(RawClient.outcome(yield* RawClient.initiate(nonsense, null)), "invalid_client")
      const untyped = { ...(yield* assertion(yield* key)), client_assertion_type: "other" }
      assert.strictEqual(RawClient.outcome(yield* RawClient.initiate(untyped, null)), "invalid_request")
    }).pipe(provide)
  )

  it.effect("verifies the times of an assertion by the Clock", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(
        RawClient.outcome(yield* RawClient.initiate(yield* assertion(yield* key), null)),
        "invalid_client"
      )
      const fresh = yield* assertion(yield* key, { claims: { iat: 3600, exp: 3660 } })
      assert.strictEqual((yield* RawClient.initiate(fresh, null)).status, 200)
    }).pipe(provide)
  )

  it.effect("accepts the audiences of the option assertionAudiences", () =>
    Effect.gen(function* () {
      const { publicJwk } = yield* key
      const aud = `${RawClient.issuer}/token`
      const parameters = yield* assertion(yield* key, { claims: { aud } })
      const response = yield* RawClient.initiate(parameters, null).pipe(
        Effect.provide(
          TestProvider.layer({
            client: TestClient.privateKeyJwt(publicJwk),
            assertionAudiences: [RawClient.issuer, aud]
          })
        )
      )
      assert.strictEqual(response.status, 200)
    })
  )
})

describe("tls_client_auth and self_signed_tls_client_auth", () => {
  const certificate = { subject: "CN=bank-app", thumbprint: "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0" }

  const outcome = (client: TestClient.TestClient, clientCertificate?: TestClient.Certificate) =>
    Effect.map(RawClient.initiate({ client_id: clientId }, null), RawClient.outcome).pipe(
      Effect.provide(TestProvider.layer({ client, clientCertificate }))
    )

  it.effect("accept the certificate of the client, by its subject or by its digest", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* outcome(TestClient.tlsClientAuth("CN=bank-app"), certificate), 200)
      assert.strictEqual(yield* outcome(TestClient.selfSignedTlsClientAuth(certificate), certificate), 200)
    })
  )

  it.effect("refuse a request without a certificate, and any other certificate", () =>
    Effect.gen(function* () {
      const bySubject = TestClient.tlsClientAuth("CN=bank-app")
      const byDigest = TestClient.selfSignedTlsClientAuth(certificate)
      const refused = [
        yield* outcome(bySubject),
        yield* outcome(bySubject, { ...certificate, subject: "CN=another-app" }),
        yield* outcome(bySubject, { ...certificate, verified: false }),
        yield* outcome(byDigest),
        yield* outcome(byDigest, { ...certificate, thumbprint: "another" })
      ]
      assert.deepStrictEqual(
        refused,
        refused.map(() => "invalid_client")
      )
    })
  )

  it.effect("bind tokens to the certificate if the client is registered so, and introspection tells", () =>
    Effect.gen(function* () {
      const id = yield* RawClient.obtainAuthReqId({ client_id: clientId }, null)
      const { body } = yield* RawClient.poll(id, { client_id: clientId }, null)
      assert.strictEqual(body.token_type, "Bearer")
      const introspected = yield* RawClient.introspect(RawClient.text(body.access_token), { client_id: clientId }, null)
      assert.deepStrictEqual(introspected.cnf, { "x5t#S256": certificate.thumbprint })
    }).pipe(
      Effect.provide(
        TestProvider.layer({
          client: TestClient.tlsClientAuth("CN=bank-app", { certificateBoundAccessTokens: true }),
          clientCertificate: certificate,
          user: TestUser.approve()
        })
      )
    )
  )
})
