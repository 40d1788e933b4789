import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import {
  Ciba,
  ClientAuthentication,
  ClientRegistration,
  Discovery,
  SecurityProfile,
  SigningKey,
  UserHint
} from "@effect-ciba/core"
import { TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { Base64 } from "effect/encoding"
import { TestClock } from "effect/testing"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"
import * as Jwt from "../support/Jwt.ts"
import * as Randomness from "../support/PredictableRandomness.ts"

const target = { clientId: "shop", issuer: "https://op.example", endpoint: "https://op.example/backchannel" }
const secret = Redacted.make("a secret that is long enough for HS256")
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const reveal = (authentication: ClientAuthentication.ClientAuthentication, to = target) =>
  Effect.map(authentication.credentials(to), ({ headers, parameters }) => ({
    headers: Redacted.value(headers),
    parameters: Redacted.value(parameters)
  }))

/** The assertion in what the method sends, and nothing but what belongs with it. */
const assertionOf = Effect.fnUntraced(function* (
  authentication: ClientAuthentication.ClientAuthentication,
  to = target
) {
  const { headers, parameters } = yield* reveal(authentication, to)
  const jwt = parameters[2]?.[1] ?? ""
  assert.deepStrictEqual(headers, {})
  assert.deepStrictEqual(parameters, [
    ["client_id", to.clientId],
    ["client_assertion_type", assertionType],
    ["client_assertion", jwt]
  ])
  return { jwt: Redacted.make(jwt), header: yield* Jwt.decodePart(jwt, 0), claims: yield* Jwt.decodePart(jwt, 1) }
})

const signAssertions = (options?: ClientAuthentication.AssertionOptions) =>
  ClientAuthentication.privateKeyJwt(TestKeys.signing("ES256", "client"), options)

describe("ClientAuthentication without an assertion", () => {
  it.effect("none sends the client id in the form and nothing else", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* reveal(ClientAuthentication.none), {
        headers: {},
        parameters: [["client_id", "shop"]]
      })
    })
  )

  it.effect("credentials that never change are made once for each target", () =>
    Effect.gen(function* () {
      for (const method of [
        ClientAuthentication.none,
        ClientAuthentication.clientSecretBasic(secret),
        ClientAuthentication.clientSecretPost(secret),
        ClientAuthentication.tlsClientAuth
      ]) {
        const first = yield* method.credentials(target)
        assert.strictEqual(yield* method.credentials(target), first)
        assert.notStrictEqual(yield* method.credentials({ ...target, clientId: "another" }), first)
      }
    })
  )

  it.effect("client_secret_post sends id and secret in the form, as they are", () =>
    Effect.gen(function* () {
      const odd = Redacted.make("p+s s&=:%ü")
      assert.deepStrictEqual(yield* reveal(ClientAuthentication.clientSecretPost(odd)), {
        headers: {},
        parameters: [
          ["client_id", "shop"],
          ["client_secret", "p+s s&=:%ü"]
        ]
      })
    })
  )

  it.effect("client_secret_basic sends id and secret in the header alone", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* reveal(ClientAuthentication.clientSecretBasic(Redacted.make("secret"))), {
        headers: { authorization: "Basic c2hvcDpzZWNyZXQ=" },
        parameters: []
      })
    })
  )

  it.effect("client_secret_basic form-encodes id and secret before it joins them (E10)", () =>
    Effect.gen(function* () {
      const odd = ClientAuthentication.clientSecretBasic(Redacted.make("p+s s&=:%ü*~'"))
      const { headers } = yield* reveal(odd, { ...target, clientId: "shop: 1%é" })
      const pair = "shop%3A+1%25%C3%A9:p%2Bs+s%26%3D%3A%25%C3%BC*%7E%27"
      assert.deepStrictEqual(headers, { authorization: `Basic ${Base64.encode(pair)}` })
    })
  )
})

describe("ClientAuthentication.privateKeyJwt", () => {
  it.effect(
    "signs an assertion with exactly the claims of RFC 7523, from the injected clock and randomness (E1, E2)",
    () =>
      Effect.gen(function* () {
        const key = yield* TestKeys.signing("ES256", "client")
        yield* TestClock.setTime(1_700_000_000_999)
        const { claims, header, jwt } = yield* assertionOf(yield* signAssertions())
        assert.deepStrictEqual(claims, {
          iss: "shop",
          sub: "shop",
          aud: "https://op.example",
          jti: Randomness.countedUuid(1),
          iat: 1_700_000_000,
          exp: 1_700_000_060
        })
        assert.deepStrictEqual(header, { alg: "ES256", kid: key.keyId, typ: "client-authentication+jwt" })
        assert.deepStrictEqual(
          yield* JsonWebToken.verify(jwt, { algorithm: "ES256", key: key.publicJwk }),
          claims,
          "the signature verifies with the registered key"
        )
      }).pipe(Effect.provide(Randomness.counting()))
  )

  it.effect("creates a new assertion with a new jti for each request (E5, T-9)", () =>
    Effect.gen(function* () {
      const authentication = yield* signAssertions()
      const ids = yield* Effect.forEach([1, 2, 3], () =>
        Effect.map(assertionOf(authentication), ({ claims }) => claims.jti)
      )
      assert.deepStrictEqual(ids, [1, 2, 3].map(Randomness.countedUuid))
    }).pipe(Effect.provide(Randomness.counting()))
  )

  it.effect("creates jti values that differ with the platform's randomness", () =>
    Effect.gen(function* () {
      const authentication = yield* signAssertions()
      const one = yield* assertionOf(authentication)
      const other = yield* assertionOf(authentication)
      assert.match(String(one.claims.jti), Randomness.uuid)
      assert.notStrictEqual(one.claims.jti, other.claims.jti)
    })
  )

  it.effect("rounds iat down to the second, so that no assertion is issued in the future (E12, T-24)", () =>
    Effect.gen(function* () {
      const authentication = yield* signAssertions()
      for (const [millis, iat] of [
        [10_000, 10],
        [10_001, 10],
        [10_999, 10],
        [11_000, 11]
      ] as const) {
        yield* TestClock.setTime(millis)
        const { claims } = yield* assertionOf(authentication)
        assert.deepStrictEqual([claims.iat, claims.exp, claims.nbf], [iat, iat + 60, undefined])
      }
    })
  )

  it.effect("sets the audience to the issuer, as a string, at every endpoint (E2, T-11)", () =>
    Effect.gen(function* () {
      const authentication = yield* signAssertions()
      for (const path of ["backchannel", "token"]) {
        const { claims } = yield* assertionOf(authentication, { ...target, endpoint: `https://op.example/${path}` })
        assert.strictEqual(claims.aud, "https://op.example")
      }
    })
  )

  it.effect("sets another audience if the option says so, also by endpoint (E3, T-11)", () =>
    Effect.gen(function* () {
      const fixed = yield* assertionOf(yield* signAssertions({ audience: "https://op.example/token" }))
      assert.strictEqual(fixed.claims.aud, "https://op.example/token")
      const called = yield* assertionOf(yield* signAssertions({ audience: ({ endpoint }) => endpoint }))
      assert.strictEqual(called.claims.aud, "https://op.example/backchannel")
    })
  )

  it.effect("sets the typ header, unless compatibility.type removes or changes it (E4, T-12)", () =>
    Effect.gen(function* () {
      const types = yield* Effect.forEach([{}, { type: null }, { type: "JWT" }], (compatibility) =>
        Effect.flatMap(signAssertions({ compatibility }), (authentication) =>
          Effect.map(assertionOf(authentication), ({ header }) => header.typ)
        )
      )
      assert.deepStrictEqual(types, ["client-authentication+jwt", undefined, "JWT"])
    })
  )

  it.effect("adds header members (E4)", () =>
    Effect.gen(function* () {
      const { header } = yield* assertionOf(
        yield* signAssertions({ compatibility: { type: null, header: { "x5t#S256": "thumbprint" } } })
      )
      const { kid, ...rest } = header
      assert.isString(kid)
      assert.deepStrictEqual(rest, { alg: "ES256", "x5t#S256": "thumbprint" })
    })
  )

  it.effect("sets the lifetime in whole seconds", () =>
    Effect.gen(function* () {
      const { claims } = yield* assertionOf(yield* signAssertions({ lifetime: "4500 millis" }))
      assert.deepStrictEqual([claims.iat, claims.exp], [0, 5])
    })
  )

  it.effect("adds claims, and replaces none of its own (E1)", () =>
    Effect.gen(function* () {
      const additionalClaims = { iss: "eve", sub: "eve", aud: "eve", jti: "eve", iat: -1, exp: 1e9, tenant: "one" }
      const made = yield* assertionOf(yield* signAssertions({ compatibility: { additionalClaims } }))
      assert.deepStrictEqual(made.claims, {
        iss: "shop",
        sub: "shop",
        aud: "https://op.example",
        jti: Randomness.countedUuid(1),
        iat: 0,
        exp: 60,
        tenant: "one"
      })
    }).pipe(Effect.provide(Randomness.counting()))
  )

  it.effect("leaves out additional claims that are not JSON: toJSON cannot replace the library's own claims (E1)", () =>
    Effect.gen(function* () {
      const hostile = { toJSON: () => ({ iss: "eve", aud: "eve" }), list: [() => 1], big: 1n, tenant: "one" }
      const additionalClaims = Object(hostile)
      const { claims } = yield* assertionOf(yield* signAssertions({ compatibility: { additionalClaims } }))
      assert.deepStrictEqual(Object.keys(claims).sort(), ["aud", "exp", "iat", "iss", "jti", "sub", "tenant"])
      assert.deepStrictEqual([claims.iss, claims.aud], ["shop", "https://op.example"])
    })
  )

  it.effect("takes a key, or an effect that reads it, and fails for a key that cannot sign", () =>
    Effect.gen(function* () {
      const key = yield* TestKeys.signing("ES256", "client")
      const { header } = yield* assertionOf(yield* ClientAuthentication.privateKeyJwt(key))
      assert.strictEqual(header.kid, key.keyId)
      const unusable = ClientAuthentication.privateKeyJwt(SigningKey.fromJwk(Redacted.make(key.publicJwk)))
      assert.strictEqual((yield* Effect.flip(unusable))._tag, "InvalidKey")
    })
  )
})

describe("ClientAuthentication.clientSecretJwt", () => {
  for (const algorithm of ["HS256", "HS384", "HS512"] as const) {
    it.effect(`signs an assertion with the secret and ${algorithm} (E1)`, () =>
      Effect.gen(function* () {
        const options = algorithm === "HS256" ? undefined : { algorithm }
        const made = yield* assertionOf(ClientAuthentication.clientSecretJwt(secret, options))
        assert.deepStrictEqual(made.header, { alg: algorithm, typ: "client-authentication+jwt" })
        assert.deepStrictEqual(yield* JsonWebToken.verify(made.jwt, { algorithm, key: secret }), {
          iss: "shop",
          sub: "shop",
          aud: "https://op.example",
          jti: Randomness.countedUuid(1),
          iat: 0,
          exp: 60
        })
      }).pipe(Effect.provide(Randomness.counting()))
    )
  }

  it.effect("takes the same options as privateKeyJwt (E3, E4)", () =>
    Effect.gen(function* () {
      const options = {
        audience: "https://op.example/token",
        lifetime: "10 seconds",
        compatibility: { type: null }
      } as const
      const { claims, header } = yield* assertionOf(ClientAuthentication.clientSecretJwt(secret, options))
      assert.deepStrictEqual(header, { alg: "HS256" })
      assert.deepStrictEqual([claims.aud, claims.exp], ["https://op.example/token", 10])
    })
  )
})

describe("a method of client authentication that the application brings", () => {
  const authentication: ClientAuthentication.ClientAuthentication = {
    method: "attest_jwt_client_auth",
    credentials: ({ clientId }) =>
      Effect.succeed(
        ClientAuthentication.makeCredentials({
          headers: { "oauth-client-attestation": "an attestation" },
          parameters: [
            ["client_id", clientId],
            ["client_secret", Redacted.value(TestClient.secret)]
          ]
        })
      )
  }

  const flow = Effect.gen(function* () {
    const running = yield* Effect.forkChild(
      Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
    )
    yield* TestClock.adjust("10 seconds")
    return yield* Fiber.join(running)
  })

  const provide = (methods: ReadonlyArray<string>) =>
    Effect.provide(
      Ciba.layer({ issuer: "https://provider.test", clientId: TestClient.clientId, authentication }).pipe(
        Layer.provideMerge(
          TestProvider.layer({
            client: TestClient.clientSecretPost(),
            user: TestUser.approve(),
            metadata: (document) => ({ ...document, token_endpoint_auth_methods_supported: methods })
          })
        )
      )
    )

  it.effect("authenticates every request of a flow", () =>
    Effect.gen(function* () {
      assert.isDefined((yield* flow).subject)
      const requests = yield* TestProvider.TestProvider.use((provider) => provider.requests)
      const posts = requests.filter(({ method }) => method === "POST")
      assert.isAtLeast(posts.length, 2)
      for (const { headers, parameters } of posts) {
        assert.strictEqual(headers["oauth-client-attestation"], "an attestation")
        assert.deepInclude(parameters, ["client_id", TestClient.clientId])
      }
    }).pipe(provide(["private_key_jwt", "attest_jwt_client_auth"]))
  )

  it.effect("is a mismatch if the provider's metadata does not list it", () =>
    Effect.gen(function* () {
      const registration = yield* ClientRegistration.ClientRegistration
      const metadata = yield* Discovery.metadata
      assert.deepStrictEqual(
        Discovery.check(registration, metadata).map(({ parameter, severity }) => [severity, parameter]),
        [["error", "authentication"]]
      )
    }).pipe(provide(["private_key_jwt"]))
  )

  it.effect("is refused by a security profile that does not allow it", () =>
    Effect.gen(function* () {
      const options = { clientId: "shop", authentication, idTokenSignedResponseAlg: "PS256" } as const
      const error = yield* Effect.flip(ClientRegistration.make({ ...options, profile: SecurityProfile.fapi2Ciba }))
      assert.include(error.message, "attest_jwt_client_auth is not allowed")
    })
  )
})

describe("credentials of the application's own method that cannot be sent", () => {
  /** Initiates with usable credentials, then polls with these; returns the error, and the number of polls that were sent. */
  const poll = (credentials: Parameters<typeof ClientAuthentication.makeCredentials>[0]) => {
    const usable = ClientAuthentication.makeCredentials({
      parameters: [
        ["client_id", TestClient.clientId],
        ["client_secret", Redacted.value(TestClient.secret)]
      ]
    })
    const authentication: ClientAuthentication.ClientAuthentication = {
      method: "own",
      credentials: ({ endpoint }) =>
        Effect.succeed(endpoint.endsWith("/token") ? ClientAuthentication.makeCredentials(credentials) : usable)
    }
    return Effect.gen(function* () {
      const pending = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
      const running = yield* Effect.forkChild(Effect.flip(Ciba.complete(pending)))
      yield* TestClock.adjust("10 seconds")
      assert.isDefined(running.pollUnsafe(), "the first poll ends the wait")
      const error = yield* Fiber.join(running)
      const requests = yield* TestProvider.TestProvider.use((provider) => provider.requests)
      return { error, sent: requests.filter(({ endpoint }) => endpoint === "token").length }
    }).pipe(
      Effect.provide(
        Ciba.layer({ issuer: "https://provider.test", clientId: TestClient.clientId, authentication }).pipe(
          Layer.provideMerge(TestProvider.layer({ client: TestClient.clientSecretPost(), user: TestUser.approve() }))
        )
      )
    )
  }

  for (const [what, credentials, message] of [
    ...["grant_type", "auth_req_id", "login_hint", "refresh_token"].map(
      (name) =>
        [
          `the parameter ${name}`,
          { parameters: [[name, "eve"]] },
          `${name}: client authentication may not set it: it is a parameter of the request`
        ] as const
    ),
    [
      "a parameter twice",
      {
        parameters: [
          ["client_id", "one"],
          ["client_id", "two"]
        ]
      },
      "client_id: client authentication gives it twice"
    ],
    ...["a\r\nb: c", "a\u0000", "\u20ac"].map(
      (value) =>
        [
          `the header value ${JSON.stringify(value)}`,
          { headers: { "x-auth": value } },
          "header x-auth: its name must be a token, and its value Latin-1 without control characters"
        ] as const
    ),
    [
      "a header name with a blank",
      { headers: { "x auth": "secret" } },
      "header x auth: its name must be a token, and its value Latin-1 without control characters"
    ]
  ] as const) {
    it.effect(`${what}: the wait ends with an InvalidParameter, and no poll is sent`, () =>
      Effect.gen(function* () {
        const { error, sent } = yield* poll(credentials)
        assert.strictEqual(error.message, `InvalidParameter: ${message}`)
        assert.strictEqual(sent, 0)
      })
    )
  }

  it.effect("a second hint: the authentication request is not sent", () =>
    Effect.gen(function* () {
      const authentication: ClientAuthentication.ClientAuthentication = {
        method: "own",
        credentials: () =>
          Effect.succeed(ClientAuthentication.makeCredentials({ parameters: [["login_hint_token", "eve"]] }))
      }
      const error = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") }).pipe(
        Effect.flip,
        Effect.provide(
          Ciba.layer({ issuer: "https://provider.test", clientId: TestClient.clientId, authentication }).pipe(
            Layer.provide(TestProvider.layer())
          )
        )
      )
      assert.deepStrictEqual([error._tag, error.reason._tag], ["AuthenticationRequestError", "InvalidParameter"])
      assert.include(error.message, "login_hint_token")
    })
  )
})

it.effect("a method of client authentication and its credentials show no secret", () =>
  Effect.gen(function* () {
    const methods = [
      ClientAuthentication.clientSecretBasic(secret),
      ClientAuthentication.clientSecretPost(secret),
      ClientAuthentication.clientSecretJwt(secret),
      yield* signAssertions()
    ]
    for (const method of methods) {
      const credentials = yield* method.credentials(target)
      const sent = [
        ...Object.values(Redacted.value(credentials.headers)),
        ...Redacted.value(credentials.parameters).flatMap(([name, value]) => (name === "client_id" ? [] : [value]))
      ]
      for (const value of [method, credentials]) {
        for (const shown of [Jwt.encodeJson(value), inspect(value, { depth: 9, showHidden: true })]) {
          for (const hidden of [Redacted.value(secret), ...sent]) assert.notInclude(shown, hidden)
        }
      }
    }
  })
)
