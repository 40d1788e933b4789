import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { ClientRegistration, Discovery, type JwsAlgorithm, SigningKey } from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { ConfigProvider, Effect, Redacted, Schema } from "effect"
import { Base64, Base64Url } from "effect/encoding"
import { json, serve } from "./support/SocketServer.ts"

type Environment = Readonly<Record<string, string>>

const encodeJson = Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))

const base: Environment = { CIBA_ISSUER: "https://op.example", CIBA_CLIENT_ID: "shop" }
const secret = "marker-secret-that-is-long-enough-for-HS512-which-wants-64-bytes!"

const within = (environment: Environment) =>
  Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnvRecord(environment)))

const registered = (environment: Environment) =>
  ClientRegistration.ClientRegistration.pipe(
    Effect.provide(NodeCiba.layerConfig()),
    within({ ...base, ...environment })
  )

const problemOf = (environment: Environment) =>
  Effect.map(Effect.flip(registered(environment)), (error) => {
    for (const shown of [error.message, String(error), encodeJson(error), inspect(error, { depth: 9 })]) {
      assert.notInclude(shown, "marker")
    }
    return { tag: error._tag, message: error.message }
  })

const target = { clientId: "shop", issuer: "https://op.example", endpoint: "https://op.example/token" }

/** The names of what the client would send, and the header of its assertion. */
const sent = Effect.fnUntraced(function* ({ authentication }: ClientRegistration.Service) {
  const credentials = yield* authentication.credentials(target)
  const parameters = Redacted.value(credentials.parameters)
  const assertion = parameters.find(([name]) => name === "client_assertion")?.[1]
  const header = assertion === undefined ? undefined : Base64Url.decodeString(assertion.split(".")[0] ?? "")
  return {
    headers: Redacted.value(credentials.headers),
    parameters: parameters.filter(([name]) => name !== "client_assertion"),
    header: header === undefined ? undefined : yield* Effect.flatMap(Effect.fromResult(header), decodeHeader)
  }
})

const decodeHeader = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Struct({ alg: Schema.String, kid: Schema.optionalKey(Schema.String) }))
)

const jwk = Effect.map(SigningKey.generateJwk("ES256"), ({ privateJwk }) => Redacted.value(privateJwk))

const pem = Effect.gen(function* () {
  const { privateKey } = yield* Effect.promise(() =>
    crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"])
  )
  const bytes = yield* Effect.promise(() => crypto.subtle.exportKey("pkcs8", privateKey))
  return `-----BEGIN PRIVATE KEY-----\n${Base64.encode(new Uint8Array(bytes))}\n-----END PRIVATE KEY-----\n`
})

const clientId = ["client_id", "shop"]
const clientSecret = ["client_secret", secret]
const assertionType = ["client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]

describe("the environment", () => {
  const basic = { headers: { authorization: `Basic ${Base64.encode(`shop:${secret.replace("!", "%21")}`)}` } }
  const withSecret: ReadonlyArray<readonly [method: string | undefined, Environment, expected: unknown]> = [
    ["none", {}, { headers: {}, parameters: [clientId], header: undefined }],
    ["none", { CIBA_CLIENT_SECRET: secret }, { headers: {}, parameters: [clientId], header: undefined }],
    [undefined, { CIBA_CLIENT_SECRET: secret }, { ...basic, parameters: [], header: undefined }],
    ["client_secret_basic", { CIBA_CLIENT_SECRET: secret }, { ...basic, parameters: [], header: undefined }],
    [
      "client_secret_post",
      { CIBA_CLIENT_SECRET: secret },
      { headers: {}, parameters: [clientId, clientSecret], header: undefined }
    ],
    [
      "client_secret_jwt",
      { CIBA_CLIENT_SECRET: secret },
      { headers: {}, parameters: [clientId, assertionType], header: { alg: "HS256" } }
    ],
    [
      "client_secret_jwt",
      { CIBA_CLIENT_SECRET: secret, CIBA_SIGNING_ALG: "HS512" },
      { headers: {}, parameters: [clientId, assertionType], header: { alg: "HS512" } }
    ]
  ]
  for (const [method, environment, expected] of withSecret) {
    const given = Object.entries(environment).map(([name, value]) => (value === secret ? name : `${name}=${value}`))
    it.effect(`means ${method ?? "the default method"} with ${given.join(", ") || "nothing"}`, () =>
      Effect.gen(function* () {
        const registration = yield* registered({
          ...environment,
          ...(method === undefined ? undefined : { CIBA_CLIENT_AUTH_METHOD: method })
        })
        assert.strictEqual(registration.clientId, "shop")
        assert.deepStrictEqual<unknown>(yield* sent(registration), expected)
      })
    )
  }

  for (const method of [undefined, "private_key_jwt"]) {
    it.effect(`means private_key_jwt with a key as JWK or PEM, the method being ${method ?? "unnamed"}`, () =>
      Effect.gen(function* () {
        const named: Environment = method === undefined ? {} : { CIBA_CLIENT_AUTH_METHOD: method }
        const key = yield* jwk
        const asJwk = yield* registered({ ...named, CIBA_PRIVATE_KEY: encodeJson(key), CIBA_CLIENT_SECRET: secret })
        assert.strictEqual(asJwk.authentication.method, "private_key_jwt")
        const expected = { headers: {}, parameters: [clientId, assertionType] }
        assert.deepStrictEqual<unknown>(yield* sent(asJwk), { ...expected, header: { alg: "ES256", kid: key.kid } })
        const asPem = yield* registered({ ...named, CIBA_PRIVATE_KEY: yield* pem, CIBA_SIGNING_ALG: "ES256" })
        assert.deepStrictEqual<unknown>(yield* sent(asPem), { ...expected, header: { alg: "ES256" } })
        const oneLine = (yield* pem).replaceAll("\n", "\\n")
        const asLine = yield* registered({ ...named, CIBA_PRIVATE_KEY: oneLine, CIBA_SIGNING_ALG: "ES256" })
        assert.deepStrictEqual<unknown>(yield* sent(asLine), { ...expected, header: { alg: "ES256" } })
      })
    )
  }

  it.effect("names the algorithm of ID Tokens, RS256 by default", () =>
    Effect.gen(function* () {
      const algorithm = (environment: Environment) =>
        Effect.map(registered(environment), (registration) => registration.idTokenSignedResponseAlg)
      const expected: JwsAlgorithm.JwsAlgorithm = "PS256"
      assert.strictEqual(yield* algorithm({ CIBA_CLIENT_SECRET: secret }), "RS256")
      assert.strictEqual(yield* algorithm({ CIBA_CLIENT_SECRET: secret, CIBA_ID_TOKEN_ALG: expected }), expected)
      assert.strictEqual(yield* algorithm({ CIBA_ID_TOKEN_ALG: "HS256", CIBA_CLIENT_SECRET: secret }), "HS256")
    })
  )

  it.effect("names the delivery mode, poll by default", () =>
    Effect.gen(function* () {
      const mode = (environment: Environment) =>
        Effect.map(registered({ CIBA_CLIENT_SECRET: secret, ...environment }), ({ deliveryMode }) => deliveryMode)
      assert.strictEqual(yield* mode({}), "poll")
      assert.strictEqual(yield* mode({ CIBA_DELIVERY_MODE: "poll" }), "poll")
      assert.strictEqual(yield* mode({ CIBA_DELIVERY_MODE: "ping" }), "ping")
    })
  )

  it.live("allows plain http on this machine, if it says so", () =>
    Effect.gen(function* () {
      const server = yield* serve((_request, response) => json(response, { issuer: server.url }))
      const asked = (environment: Environment) =>
        Effect.provide(Discovery.metadata, NodeCiba.layerConfig()).pipe(
          within({ ...base, ...environment, CIBA_ISSUER: server.url, CIBA_CLIENT_AUTH_METHOD: "none" })
        )
      const refused = yield* Effect.flip(asked({}))
      assert.include(refused.message, "the URL is not https")
      assert.lengthOf(server.received, 0)
      assert.strictEqual((yield* asked({ CIBA_ALLOW_INSECURE: "loopback" })).issuer, server.url)
      assert.lengthOf(server.received, 1)
    })
  )
})

describe("a message says what is wrong, and no more, where the environment", () => {
  const registration = (parameter: string, problem: string) => ({
    tag: "ClientRegistrationError",
    message: `Client registration, ${parameter}: ${problem}`
  })
  const key = (problem: string) => ({ tag: "InvalidKey", message: `The key cannot be used: ${problem}` })
  const missing = (path: string) => ({
    tag: "CertificateError",
    message: `TLS, ${path}: there is no such file; check the path, and that the volume is mounted`
  })
  const signing = (method: string, algorithm: string): Environment => ({
    CIBA_CLIENT_AUTH_METHOD: method,
    CIBA_SIGNING_ALG: algorithm,
    CIBA_CLIENT_SECRET: secret,
    CIBA_PRIVATE_KEY: "marker"
  })

  const problems: ReadonlyArray<readonly [what: string, Environment, expected: unknown]> = [
    ...["client_secret_basic", "client_secret_post", "client_secret_jwt"].map(
      (method) =>
        [
          `has no secret for ${method}`,
          { CIBA_CLIENT_AUTH_METHOD: method, CIBA_CLIENT_SECRET: "", CIBA_PRIVATE_KEY: "marker" },
          registration("CIBA_CLIENT_SECRET", `${method} needs it, and it is not set`)
        ] as const
    ),
    ...[{}, { CIBA_CLIENT_SECRET: "" }].map(
      (environment) =>
        [
          `has nothing to authenticate with, and does not name none: ${Object.keys(environment).join() || "no variable"}`,
          environment,
          registration("CIBA_CLIENT_SECRET", "client_secret_basic needs it, and it is not set")
        ] as const
    ),
    [
      "has no key for private_key_jwt",
      { CIBA_CLIENT_AUTH_METHOD: "private_key_jwt", CIBA_CLIENT_SECRET: secret },
      registration("CIBA_PRIVATE_KEY", "private_key_jwt needs it, and it is not set")
    ],
    [
      "names an algorithm of private keys for a secret",
      signing("client_secret_jwt", "ES256"),
      registration("CIBA_SIGNING_ALG", "client_secret_jwt does not sign with ES256")
    ],
    [
      "names an algorithm of secrets for a private key",
      signing("private_key_jwt", "HS256"),
      registration("CIBA_SIGNING_ALG", "private_key_jwt does not sign with HS256")
    ],
    [
      "has a key in no known form",
      { CIBA_PRIVATE_KEY: "marker" },
      key("CIBA_PRIVATE_KEY is neither a JWK nor PEM; give the key itself, and not a path to it")
    ],
    [
      "has a JWK without an algorithm",
      { CIBA_PRIVATE_KEY: '{"kty":"EC","crv":"P-256","d":"marker"}' },
      key('it names no usable "alg"; pass the algorithm as an option')
    ],
    [
      "has a broken PEM",
      { CIBA_PRIVATE_KEY: "-----BEGIN PRIVATE KEY-----\nmarker", CIBA_SIGNING_ALG: "ES256" },
      key("it cannot be read as a key for ES256; check that it is whole, and that the algorithm is the key's")
    ],
    [
      "has PEM in another form",
      { CIBA_PRIVATE_KEY: "-----BEGIN RSA PRIVATE KEY-----\nmarker", CIBA_SIGNING_ALG: "RS256" },
      key("it is not PEM in PKCS#8 form; convert it with: openssl pkcs8 -topk8 -nocrypt -in key.pem")
    ],
    [
      "has PEM and no algorithm",
      { CIBA_PRIVATE_KEY: "-----BEGIN PRIVATE KEY-----\nmarker" },
      key("PEM names no algorithm; set CIBA_SIGNING_ALG")
    ],
    ...["tls_client_auth", "self_signed_tls_client_auth"].map(
      (method) =>
        [
          `has no certificate for ${method}`,
          { CIBA_CLIENT_AUTH_METHOD: method, CIBA_CLIENT_SECRET: secret, CIBA_TLS_PASSPHRASE: "marker" },
          registration("CIBA_TLS_CERTIFICATE_FILE", `${method} needs it or CIBA_TLS_PKCS12_FILE, and neither is set`)
        ] as const
    ),
    [
      "has no certificate to bind tokens to",
      { CIBA_CLIENT_SECRET: secret, CIBA_TLS_BOUND_ACCESS_TOKENS: "true" },
      registration(
        "CIBA_TLS_CERTIFICATE_FILE",
        "CIBA_TLS_BOUND_ACCESS_TOKENS needs it or CIBA_TLS_PKCS12_FILE, and neither is set"
      )
    ],
    [
      "has a certificate without its key",
      { CIBA_CLIENT_SECRET: secret, CIBA_TLS_CERTIFICATE_FILE: "/nowhere/tls.crt" },
      registration("CIBA_TLS_PRIVATE_KEY_FILE", "the certificate needs it, and it is not set")
    ],
    [
      "has a certificate's key without it",
      { CIBA_CLIENT_SECRET: secret, CIBA_TLS_PRIVATE_KEY_FILE: "/nowhere/tls.key" },
      registration("CIBA_TLS_CERTIFICATE_FILE", "the private key needs it, and it is not set")
    ],
    ...["CIBA_TLS_CERTIFICATE_FILE", "CIBA_TLS_PRIVATE_KEY_FILE"].map(
      (name) =>
        [
          `has both CIBA_TLS_PKCS12_FILE and ${name}`,
          { CIBA_CLIENT_SECRET: secret, CIBA_TLS_PKCS12_FILE: "/nowhere/tls.p12", [name]: "/nowhere/tls" },
          registration("CIBA_TLS_PKCS12_FILE", "it holds certificate and key; set no other file for them")
        ] as const
    ),
    ...["CIBA_TLS_PKCS12_FILE", "CIBA_TLS_CA_FILE"].map(
      (name) =>
        [
          `names a file that is not there in ${name}`,
          { CIBA_CLIENT_SECRET: secret, [name]: "/nowhere/tls", CIBA_TLS_PASSPHRASE: "marker" },
          missing("/nowhere/tls")
        ] as const
    ),
    [
      "names files of a certificate and its key that are not there",
      {
        CIBA_CLIENT_SECRET: secret,
        CIBA_TLS_CERTIFICATE_FILE: "/nowhere/tls.crt",
        CIBA_TLS_PRIVATE_KEY_FILE: "/nowhere/tls.key"
      },
      missing("/nowhere/tls.crt")
    ],
    [
      "wants ID Tokens signed with a secret that is not there",
      { CIBA_CLIENT_AUTH_METHOD: "none", CIBA_ID_TOKEN_ALG: "HS256" },
      registration(
        "idTokenSignedResponseAlg",
        "HS256 needs a client secret, and the method none has none; use an asymmetric algorithm"
      )
    ]
  ]
  for (const [what, environment, expected] of problems) {
    it.effect(what, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual<unknown>(yield* problemOf(environment), expected)
      })
    )
  }

  const unreadable: ReadonlyArray<readonly [name: string, value: string]> = [
    ["CIBA_ISSUER", ""],
    ["CIBA_CLIENT_ID", ""],
    ["CIBA_CLIENT_AUTH_METHOD", "mutual_tls"],
    ["CIBA_TLS_BOUND_ACCESS_TOKENS", "perhaps"],
    ["CIBA_DELIVERY_MODE", "push"],
    ["CIBA_SIGNING_ALG", "none"],
    ["CIBA_ID_TOKEN_ALG", "none"],
    ["CIBA_ALLOW_INSECURE", "true"]
  ]
  for (const [name, value] of unreadable) {
    it.effect(`has ${name}=${value}`, () =>
      Effect.gen(function* () {
        const { message, tag } = yield* problemOf({ CIBA_CLIENT_SECRET: secret, [name]: value })
        assert.strictEqual(tag, "ConfigError")
        assert.include(message, name)
      })
    )
  }
})
