import { writeFileSync } from "node:fs"
import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import {
  ClientAuthentication,
  ClientRegistration,
  Discovery,
  Dpop,
  type JwsAlgorithm,
  NotificationInbox,
  SigningKey
} from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { ConfigProvider, Effect, Layer, Redacted, Schema } from "effect"
import { Base64, Base64Url } from "effect/encoding"
import { json, serve } from "./support/SocketServer.ts"

type Environment = Readonly<Record<string, string>>

const encodeJson = Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))

const base: Environment = { CIBA_ISSUER: "https://op.example", CIBA_CLIENT_ID: "shop" }
const secret = "marker-secret-that-is-long-enough-for-HS512-which-wants-64-bytes!"

const provideEnvironment = (environment: Environment) =>
  Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnvRecord(environment)))

/** The registration of the client that is configured besides `base`. */
const registration = (environment: Environment, options?: NodeCiba.ConfigOptions) =>
  ClientRegistration.ClientRegistration.pipe(
    Effect.provide(NodeCiba.layerConfig(options)),
    Effect.provide(NotificationInbox.layer),
    provideEnvironment({ ...base, ...environment })
  )

const failure = (environment: Environment, options?: NodeCiba.ConfigOptions) =>
  Effect.map(Effect.flip(registration(environment, options)), (error) => {
    for (const shown of [error.message, String(error), encodeJson(error), inspect(error, { depth: 9 })]) {
      assert.notInclude(shown, "marker")
    }
    return { tag: error._tag, message: error.message }
  })

/** The path of a file with this content. */
const writeSecret = (content: string | Uint8Array) =>
  Effect.map(
    Effect.promise(() => mkdtemp(join(tmpdir(), "marker-"))),
    (folder) => {
      const path = join(folder, "secret")
      writeFileSync(path, content)
      return path
    }
  )

const target = { clientId: "shop", issuer: "https://op.example", endpoint: "https://op.example/token" }

/** What the client sends to authenticate, with the header in place of its assertion. */
const credentials = Effect.fnUntraced(function* ({ authentication }: ClientRegistration.Service) {
  const made = yield* authentication.credentials(target)
  const parameters = Redacted.value(made.parameters)
  const assertion = parameters.find(([name]) => name === "client_assertion")?.[1]
  const header = assertion === undefined ? undefined : Base64Url.decodeString(assertion.split(".")[0] ?? "")
  return {
    headers: Redacted.value(made.headers),
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

/** A provider that has metadata and nothing else. */
const provider = Effect.gen(function* () {
  const server = yield* serve((_request, response) => json(response, { issuer: server.url }))
  return server
})

const clientId = ["client_id", "shop"] as const
const clientSecret = ["client_secret", secret] as const
const assertionType = ["client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]

describe("NodeCiba.layerConfig", () => {
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
    it.effect(
      `authenticates by ${method ?? "the default method"} with ${given.join(", ") || "no other variable"}`,
      () =>
        Effect.gen(function* () {
          const client = yield* registration({
            ...environment,
            ...(method === undefined ? undefined : { CIBA_CLIENT_AUTH_METHOD: method })
          })
          assert.strictEqual(client.clientId, "shop")
          assert.deepStrictEqual<unknown>(yield* credentials(client), expected)
        })
    )
  }

  for (const [begin, end] of [
    ["", ""],
    ["", "\n"],
    ["", "\r\n"],
    ["\ufeff", "\r\n"]
  ] as const) {
    const around = `${begin === "" ? "" : "begins with a byte order mark and "}ends in ${encodeJson(end)}`
    it.effect(`takes the secret of the file that CIBA_CLIENT_SECRET_FILE names, which ${around}`, () =>
      Effect.gen(function* () {
        const path = yield* writeSecret(`${begin}${secret}${end}`)
        const client = yield* registration({
          CIBA_CLIENT_SECRET_FILE: path,
          CIBA_CLIENT_AUTH_METHOD: "client_secret_post"
        })
        const { parameters } = yield* credentials(client)
        assert.deepStrictEqual(parameters, [clientId, clientSecret])
      })
    )
  }

  const ended = "begins or ends with white space, which would be part of the value; remove it"
  const within = "has a line break or another control character within; give nothing but the value"
  for (const [what, content, problem] of [
    ["nothing but a line break", "\n", "is empty"],
    ["a blank at its end", `${secret} \n`, ended],
    ["a line break before the secret", `\n${secret}`, ended],
    ["two lines", `${secret}\nmarker\n`, within],
    ["NUL at its end", `${secret}\0`, within],
    ["text in UTF-16", Buffer.from(`\ufeff${secret}`, "utf16le"), "is no text in UTF-8"],
    ["text in ISO 8859-1", Buffer.from("marker-\u00e9", "latin1"), "is no text in UTF-8"]
  ] as const) {
    for (const name of ["CIBA_CLIENT_SECRET_FILE", "CIBA_TLS_PASSPHRASE_FILE"]) {
      it.effect(`refuses ${what} in the file of ${name}, and names that variable`, () =>
        Effect.gen(function* () {
          const { message } = yield* failure({ [name]: yield* writeSecret(content) })
          assert.strictEqual(message, `${name}: the file that it names ${problem}`)
        })
      )
    }
  }

  it.effect("refuses a folder in the place of a file", () =>
    Effect.gen(function* () {
      const { message } = yield* failure({ CIBA_CLIENT_SECRET_FILE: dirname(yield* writeSecret("")) })
      assert.strictEqual(message, "CIBA_CLIENT_SECRET_FILE: it is no file; give the path of one")
    })
  )

  it.effect("takes the private key of the file that CIBA_PRIVATE_KEY_FILE names, and the passphrase of its file", () =>
    Effect.gen(function* () {
      const key = yield* writeSecret(`${yield* pem}\n`)
      const passphrase = yield* writeSecret("marker\n")
      const client = yield* registration({
        CIBA_PRIVATE_KEY_FILE: key,
        CIBA_SIGNING_ALG: "ES256",
        CIBA_TLS_PASSPHRASE_FILE: passphrase
      })
      assert.strictEqual(client.authentication.method, "private_key_jwt")
    })
  )

  for (const method of [undefined, "private_key_jwt"]) {
    it.effect(
      `authenticates by private_key_jwt with a key as JWK or PEM, if the method is ${method ?? "not set"}`,
      () =>
        Effect.gen(function* () {
          const named: Environment = method === undefined ? {} : { CIBA_CLIENT_AUTH_METHOD: method }
          const key = yield* jwk
          const asJwk = yield* registration({ ...named, CIBA_PRIVATE_KEY: encodeJson(key) })
          assert.strictEqual(asJwk.authentication.method, "private_key_jwt")
          const expected = { headers: {}, parameters: [clientId, assertionType] }
          assert.deepStrictEqual<unknown>(yield* credentials(asJwk), {
            ...expected,
            header: { alg: "ES256", kid: key.kid }
          })
          const asPem = yield* registration({ ...named, CIBA_PRIVATE_KEY: yield* pem, CIBA_SIGNING_ALG: "ES256" })
          assert.deepStrictEqual<unknown>(yield* credentials(asPem), { ...expected, header: { alg: "ES256" } })
          const oneLine = (yield* pem).replaceAll("\n", "\\n")
          const asLine = yield* registration({ ...named, CIBA_PRIVATE_KEY: oneLine, CIBA_SIGNING_ALG: "ES256" })
          assert.deepStrictEqual<unknown>(yield* credentials(asLine), { ...expected, header: { alg: "ES256" } })
        })
    )
  }

  const quoted: ReadonlyArray<readonly [what: string, edit: (pem: string) => string]> = [
    ["after the bag attributes of openssl", (text) => `Bag Attributes\n    friendlyName: shop\n${text}`],
    ["after its certificate", (text) => `-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${text}`],
    ["in quotes and in one line", (text) => `"${text.trim().replaceAll("\n", "\\n")}"`],
    ["with spaces in the place of line breaks", (text) => text.replaceAll("\n", " ")]
  ]
  for (const [what, edit] of quoted) {
    it.effect(`authenticates with a key as PEM ${what} (E13)`, () =>
      Effect.gen(function* () {
        const client = yield* registration({ CIBA_PRIVATE_KEY: edit(yield* pem), CIBA_SIGNING_ALG: "ES256" })
        assert.deepInclude<unknown>(yield* credentials(client), { header: { alg: "ES256" } })
      })
    )
  }

  for (const quote of ["'", '"']) {
    it.effect(`authenticates with a key as JWK in ${quote} (E13)`, () =>
      Effect.gen(function* () {
        const key = yield* jwk
        const client = yield* registration({ CIBA_PRIVATE_KEY: ` ${quote}${encodeJson(key)}${quote}\n` })
        assert.deepInclude<unknown>(yield* credentials(client), { header: { alg: "ES256", kid: key.kid } })
      })
    )
  }

  it.effect("expects ID Tokens signed with CIBA_ID_TOKEN_ALG, RS256 by default", () =>
    Effect.gen(function* () {
      const algorithm = (environment: Environment) =>
        Effect.map(registration(environment), ({ idTokenSignedResponseAlg }) => idTokenSignedResponseAlg)
      const expected: JwsAlgorithm.JwsAlgorithm = "PS256"
      assert.strictEqual(yield* algorithm({ CIBA_CLIENT_SECRET: secret }), "RS256")
      assert.strictEqual(yield* algorithm({ CIBA_CLIENT_SECRET: secret, CIBA_ID_TOKEN_ALG: expected }), expected)
      assert.strictEqual(yield* algorithm({ CIBA_ID_TOKEN_ALG: "HS256", CIBA_CLIENT_SECRET: secret }), "HS256")
    })
  )

  it.effect("uses the delivery mode CIBA_DELIVERY_MODE, poll by default", () =>
    Effect.gen(function* () {
      const mode = (environment: Environment) =>
        Effect.map(registration({ CIBA_CLIENT_SECRET: secret, ...environment }), ({ deliveryMode }) => deliveryMode)
      assert.strictEqual(yield* mode({}), "poll")
      assert.strictEqual(yield* mode({ CIBA_DELIVERY_MODE: "poll" }), "poll")
      assert.strictEqual(yield* mode({ CIBA_DELIVERY_MODE: "ping" }), "ping")
    })
  )

  it.live(
    "allows plain http to this machine if CIBA_ALLOW_INSECURE is loopback, and to the hosts of CIBA_SEND_SECRETS_IN_CLEAR_TO (C1)",
    () =>
      Effect.gen(function* () {
        const server = yield* provider
        const metadata = (environment: Environment) =>
          Effect.provide(Discovery.metadata, NodeCiba.layerConfig()).pipe(
            provideEnvironment({ ...base, ...environment, CIBA_ISSUER: server.url, CIBA_CLIENT_AUTH_METHOD: "none" })
          )
        const refused = yield* Effect.flip(metadata({}))
        assert.include(refused.message, "the URL is not https")
        assert.lengthOf(server.received, 0)
        assert.strictEqual((yield* metadata({ CIBA_ALLOW_INSECURE: "loopback" })).issuer, server.url)
        const { host } = new URL(server.url)
        const named = { CIBA_SEND_SECRETS_IN_CLEAR_TO: `keycloak, ${host}` }
        assert.strictEqual((yield* metadata(named)).issuer, server.url)
        const other = { CIBA_SEND_SECRETS_IN_CLEAR_TO: "keycloak" }
        assert.include((yield* Effect.flip(metadata(other))).message, "InsecureUrl")
        assert.lengthOf(server.received, 2)
      })
  )

  it.live("makes a client for each prefix in one environment, and one without a prefix", () =>
    Effect.gen(function* () {
      const [own, bankA, bankB] = yield* Effect.all([provider, provider, provider])
      const client = Effect.gen(function* () {
        const registration = yield* ClientRegistration.ClientRegistration
        const { issuer } = yield* Discovery.metadata
        return { issuer, clientId: registration.clientId, ...(yield* credentials(registration)) }
      })
      const clients = Effect.gen(function* () {
        return [
          yield* client,
          yield* Effect.provide(client, NodeCiba.layerConfig({ prefix: "BANK_A" })),
          yield* Effect.provide(client, NodeCiba.layerConfig({ prefix: "BANK_B" }))
        ]
      }).pipe(
        Effect.provide(NodeCiba.layerConfig()),
        provideEnvironment({
          CIBA_ISSUER: own.url,
          CIBA_CLIENT_ID: "shop",
          CIBA_CLIENT_AUTH_METHOD: "none",
          CIBA_ALLOW_INSECURE: "loopback",
          BANK_A_CIBA_ISSUER: bankA.url,
          BANK_A_CIBA_CLIENT_ID: "shop-at-a",
          BANK_A_CIBA_CLIENT_SECRET: "a",
          BANK_A_CIBA_ALLOW_INSECURE: "loopback",
          BANK_B_CIBA_ISSUER: bankB.url,
          BANK_B_CIBA_CLIENT_ID: "shop-at-b",
          BANK_B_CIBA_CLIENT_SECRET: "b",
          BANK_B_CIBA_CLIENT_AUTH_METHOD: "client_secret_post",
          BANK_B_CIBA_ALLOW_INSECURE: "loopback"
        })
      )
      const authorization = `Basic ${Base64.encode("shop:a")}`
      const common = { headers: {}, header: undefined }
      assert.deepStrictEqual<unknown>(yield* clients, [
        { ...common, issuer: own.url, clientId: "shop", parameters: [clientId] },
        { ...common, issuer: bankA.url, clientId: "shop-at-a", parameters: [], headers: { authorization } },
        { ...common, issuer: bankB.url, clientId: "shop-at-b", parameters: [clientId, ["client_secret", "b"]] }
      ])
      assert.deepStrictEqual(
        [own, bankA, bankB].map(({ received }) => received.length),
        [1, 1, 1]
      )
    })
  )
})

describe("NodeCiba.layerConfig fails with a message that quotes no secret if the environment", () => {
  const registrationError = (parameter: string, problem: string) => ({
    tag: "ClientRegistrationError",
    message: `${parameter}: ${problem}`
  })
  const invalidKey = (problem: string) => ({ tag: "InvalidKey", message: `the key cannot be used: ${problem}` })
  const missingFile = (path: string) => ({
    tag: "CertificateError",
    message: `TLS, ${path}: there is no such file; check the path, and that the volume is mounted`
  })
  const signWith = (method: string, algorithm: string): Environment => ({
    CIBA_CLIENT_AUTH_METHOD: method,
    CIBA_SIGNING_ALG: algorithm,
    CIBA_CLIENT_SECRET: secret,
    CIBA_PRIVATE_KEY: "marker"
  })

  const whiteSpace = "it begins or ends with white space, which would be part of the value; remove it"
  const problems: ReadonlyArray<readonly [what: string, Environment, expected: unknown]> = [
    ["has no issuer", { CIBA_ISSUER: "" }, registrationError("CIBA_ISSUER", "it is not set")],
    ["has no client id", { CIBA_CLIENT_ID: "" }, registrationError("CIBA_CLIENT_ID", "it is not set")],
    ...["CIBA_ISSUER", "CIBA_CLIENT_ID", "CIBA_CLIENT_SECRET", "CIBA_TLS_PASSPHRASE"].flatMap((name) =>
      ["marker\n", " marker"].map(
        (value) =>
          [
            `has ${name} with white space at its ${value.startsWith(" ") ? "beginning" : "end"}`,
            { CIBA_CLIENT_SECRET: secret, [name]: value },
            registrationError(name, whiteSpace)
          ] as const
      )
    ),
    ...["CIBA_ISSUER", "CIBA_CLIENT_ID", "CIBA_CLIENT_SECRET", "CIBA_TLS_PASSPHRASE"].map(
      (name) =>
        [
          `has ${name} with a line break within`,
          { CIBA_CLIENT_SECRET: secret, [name]: "marker\nmarker" },
          registrationError(name, "it has a line break or another control character within; give nothing but the value")
        ] as const
    ),
    [
      "is that of a push client",
      { CIBA_CLIENT_SECRET: secret, CIBA_DELIVERY_MODE: "push" },
      registrationError(
        "CIBA_DELIVERY_MODE",
        'a push client is made by NodeCiba.layer({ deliveryMode: "push", … }) over NotificationInbox.layer'
      )
    ],
    [
      "has a secret and a private key, and names no method",
      { CIBA_CLIENT_SECRET: secret, CIBA_PRIVATE_KEY: "marker" },
      registrationError(
        "CIBA_CLIENT_AUTH_METHOD",
        "a secret and a private key are set; remove CIBA_CLIENT_SECRET, or say which method the client is registered with"
      )
    ],
    ...["CIBA_CLIENT_SECRET", "CIBA_PRIVATE_KEY", "CIBA_TLS_PASSPHRASE"].flatMap((name) => [
      [
        `has ${name} beside its file`,
        { [name]: "marker", [`${name}_FILE`]: "/nowhere/marker" },
        registrationError(`${name}_FILE`, `${name} is set, too; remove one of them`)
      ] as const,
      [
        `names a file for ${name} that does not exist`,
        { [`${name}_FILE`]: "/nowhere/marker" },
        registrationError(`${name}_FILE`, "there is no such file; check the path, and that the volume is mounted")
      ] as const,
      [
        `has ${name}_FILE with a key in the place of its path`,
        { [`${name}_FILE`]: "-----BEGIN PRIVATE KEY-----\nmarker" },
        registrationError(`${name}_FILE`, "give the path of a file, not its content")
      ] as const
    ]),
    ...["client_secret_basic", "client_secret_post", "client_secret_jwt"].map(
      (method) =>
        [
          `has no secret for ${method}`,
          { CIBA_CLIENT_AUTH_METHOD: method, CIBA_CLIENT_SECRET: "", CIBA_PRIVATE_KEY: "marker" },
          registrationError("CIBA_CLIENT_SECRET", `${method} needs it, and it is not set`)
        ] as const
    ),
    ...[{}, { CIBA_CLIENT_SECRET: "" }].map(
      (environment) =>
        [
          `has no credentials, and does not set the method none, but ${Object.keys(environment).join() || "nothing"}`,
          environment,
          registrationError("CIBA_CLIENT_SECRET", "client_secret_basic needs it, and it is not set")
        ] as const
    ),
    [
      "has no key for private_key_jwt",
      { CIBA_CLIENT_AUTH_METHOD: "private_key_jwt", CIBA_CLIENT_SECRET: secret },
      registrationError("CIBA_PRIVATE_KEY", "private_key_jwt needs it, and it is not set")
    ],
    [
      "sets an algorithm of private keys for a secret",
      signWith("client_secret_jwt", "ES256"),
      registrationError("CIBA_SIGNING_ALG", "client_secret_jwt does not sign with ES256")
    ],
    [
      "sets an algorithm of secrets for a private key",
      signWith("private_key_jwt", "HS256"),
      registrationError("CIBA_SIGNING_ALG", "private_key_jwt does not sign with HS256")
    ],
    [
      "has a key that is neither a JWK nor PEM",
      { CIBA_PRIVATE_KEY: "marker" },
      invalidKey(
        "CIBA_PRIVATE_KEY, or the file in its place, is neither a JWK nor PEM; a path belongs in CIBA_PRIVATE_KEY_FILE"
      )
    ],
    [
      "has a JWK without an algorithm",
      { CIBA_PRIVATE_KEY: '{"kty":"EC","crv":"P-256","d":"marker"}' },
      invalidKey('it names no usable "alg"; pass the algorithm as an option')
    ],
    [
      "has PEM that breaks off",
      { CIBA_PRIVATE_KEY: "-----BEGIN PRIVATE KEY-----\nmarker", CIBA_SIGNING_ALG: "ES256" },
      invalidKey("its PEM block has no end, or is not base64; pass the whole file")
    ],
    [
      "has PEM in PKCS#1 form",
      { CIBA_PRIVATE_KEY: "-----BEGIN RSA PRIVATE KEY-----\nmarker", CIBA_SIGNING_ALG: "RS256" },
      invalidKey(
        'it is not PEM in PKCS#8 form but "RSA PRIVATE KEY"; convert it with: openssl pkcs8 -topk8 -nocrypt -in key.pem'
      )
    ],
    [
      "has PEM and no algorithm",
      { CIBA_PRIVATE_KEY: "-----BEGIN PRIVATE KEY-----\nmarker" },
      invalidKey("PEM names no algorithm; set CIBA_SIGNING_ALG")
    ],
    ...["tls_client_auth", "self_signed_tls_client_auth"].map(
      (method) =>
        [
          `has no certificate for ${method}`,
          { CIBA_CLIENT_AUTH_METHOD: method, CIBA_CLIENT_SECRET: secret, CIBA_TLS_PASSPHRASE: "marker" },
          registrationError(
            "CIBA_TLS_CERTIFICATE_FILE",
            `${method} needs it or CIBA_TLS_PKCS12_FILE, and neither is set`
          )
        ] as const
    ),
    [
      "has no certificate to bind tokens to",
      { CIBA_CLIENT_SECRET: secret, CIBA_TLS_BOUND_ACCESS_TOKENS: "true" },
      registrationError(
        "CIBA_TLS_CERTIFICATE_FILE",
        "CIBA_TLS_BOUND_ACCESS_TOKENS needs it or CIBA_TLS_PKCS12_FILE, and neither is set"
      )
    ],
    [
      "has a certificate without its private key",
      { CIBA_CLIENT_SECRET: secret, CIBA_TLS_CERTIFICATE_FILE: "/nowhere/tls.crt" },
      registrationError("CIBA_TLS_PRIVATE_KEY_FILE", "the certificate needs it, and it is not set")
    ],
    [
      "has the private key of a certificate without the certificate",
      { CIBA_CLIENT_SECRET: secret, CIBA_TLS_PRIVATE_KEY_FILE: "/nowhere/tls.key" },
      registrationError("CIBA_TLS_CERTIFICATE_FILE", "the private key needs it, and it is not set")
    ],
    ...["CIBA_TLS_CERTIFICATE_FILE", "CIBA_TLS_PRIVATE_KEY_FILE"].map(
      (name) =>
        [
          `has both CIBA_TLS_PKCS12_FILE and ${name}`,
          { CIBA_CLIENT_SECRET: secret, CIBA_TLS_PKCS12_FILE: "/nowhere/tls.p12", [name]: "/nowhere/tls" },
          registrationError("CIBA_TLS_PKCS12_FILE", "it holds certificate and key; set no other file for them")
        ] as const
    ),
    ...["CIBA_TLS_PKCS12_FILE", "CIBA_TLS_CA_FILE"].map(
      (name) =>
        [
          `sets ${name} to the path of a file that does not exist`,
          { CIBA_CLIENT_SECRET: secret, [name]: "/nowhere/tls", CIBA_TLS_PASSPHRASE: "marker" },
          missingFile("/nowhere/tls")
        ] as const
    ),
    ...[
      "-----BEGIN PRIVATE KEY-----\nmarker\n-----END PRIVATE KEY-----",
      "-----BEGIN PRIVATE KEY----- marker",
      "marker\nmarker",
      `MIIB${"marker".repeat(20)}=`,
      `MC4CAQAwBQYDK2VwBCIEI${"marker".repeat(7)}=`,
      '{"kty":"OKP","d":"marker"}',
      `eyJrdHkiOiJPS1AiLCJkIjoi/${"marker".repeat(5)}`,
      `marker${"0f".repeat(32)}`,
      "https://jo:marker@vault.example/key"
    ].flatMap((content, index) =>
      [
        ["CIBA_TLS_PKCS12_FILE", "tls.client.pkcs12", {}],
        ["CIBA_TLS_CA_FILE", "tls.authorities", {}],
        ["CIBA_TLS_CERTIFICATE_FILE", "tls.client.certificate", { CIBA_TLS_PRIVATE_KEY_FILE: "/nowhere/tls.key" }],
        ["CIBA_TLS_PRIVATE_KEY_FILE", "tls.client.privateKey", { CIBA_TLS_CERTIFICATE_FILE: "package.json" }]
      ].map(
        ([name, option, others]) =>
          [
            `sets ${name} to the content of a file in the place of its path (${index + 1})`,
            { CIBA_CLIENT_SECRET: secret, [`${name}`]: content, ...Object(others) },
            { tag: "CertificateError", message: `TLS, ${option}: give the path of a file, not its content` }
          ] as const
      )
    ),
    [
      "sets paths of a certificate and its private key that do not exist",
      {
        CIBA_CLIENT_SECRET: secret,
        CIBA_TLS_CERTIFICATE_FILE: "/nowhere/tls.crt",
        CIBA_TLS_PRIVATE_KEY_FILE: "/nowhere/tls.key"
      },
      missingFile("/nowhere/tls.crt")
    ],
    [
      "permits plain http twice, in two ways",
      { CIBA_CLIENT_SECRET: secret, CIBA_ALLOW_INSECURE: "loopback", CIBA_SEND_SECRETS_IN_CLEAR_TO: "keycloak" },
      registrationError(
        "CIBA_ALLOW_INSECURE",
        "CIBA_SEND_SECRETS_IN_CLEAR_TO is set, too; name the hosts of this machine there"
      )
    ],
    [
      "expects ID Tokens signed with a secret, and has none",
      { CIBA_CLIENT_AUTH_METHOD: "none", CIBA_ID_TOKEN_ALG: "HS256" },
      registrationError(
        "idTokenSignedResponseAlg",
        "HS256 needs a client secret, and the method none has none; use an asymmetric algorithm"
      )
    ]
  ]
  for (const [what, environment, expected] of problems) {
    it.effect(what, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual<unknown>(yield* failure(environment), expected)
      })
    )
  }

  const unreadable: ReadonlyArray<readonly [name: string, value: string]> = [
    ["CIBA_CLIENT_AUTH_METHOD", "mutual_tls"],
    ["CIBA_TLS_BOUND_ACCESS_TOKENS", "perhaps"],
    ["CIBA_DELIVERY_MODE", "pull"],
    ["CIBA_SIGNING_ALG", "none"],
    ["CIBA_ID_TOKEN_ALG", "none"],
    ["CIBA_ALLOW_INSECURE", "true"]
  ]
  for (const [name, value] of unreadable) {
    it.effect(`sets ${name} to ${value === "" ? "an empty text" : value}`, () =>
      Effect.gen(function* () {
        const { message, tag } = yield* failure({ CIBA_CLIENT_SECRET: secret, [name]: value })
        assert.strictEqual(tag, "ConfigError")
        assert.include(message, name)
      })
    )
  }

  const withPrefix: ReadonlyArray<readonly [what: string, Environment, part: string]> = [
    ["has no issuer", { BANK_A_CIBA_ISSUER: "" }, "BANK_A_CIBA_ISSUER: it is not set"],
    [
      "has a secret twice",
      { BANK_A_CIBA_CLIENT_SECRET: secret, BANK_A_CIBA_CLIENT_SECRET_FILE: "/nowhere" },
      "BANK_A_CIBA_CLIENT_SECRET is set, too"
    ],
    ["has no secret", {}, "BANK_A_CIBA_CLIENT_SECRET: client_secret_basic needs it"],
    [
      "has a key that is neither a JWK nor PEM",
      { BANK_A_CIBA_PRIVATE_KEY: "marker" },
      "is neither a JWK nor PEM; a path belongs in BANK_A_CIBA_PRIVATE_KEY_FILE"
    ],
    [
      "has no certificate for bound tokens",
      { BANK_A_CIBA_TLS_BOUND_ACCESS_TOKENS: "true" },
      "BANK_A_CIBA_TLS_CERTIFICATE_FILE: BANK_A_CIBA_TLS_BOUND_ACCESS_TOKENS needs it or BANK_A_CIBA_TLS_PKCS12_FILE"
    ]
  ]
  for (const [what, environment, part] of withPrefix) {
    it.effect(`${what} under a prefix, and names the variable with its prefix`, () =>
      Effect.gen(function* () {
        const given = { BANK_A_CIBA_ISSUER: "https://a.example", BANK_A_CIBA_CLIENT_ID: "shop", ...environment }
        const { message } = yield* failure({ CIBA_CLIENT_SECRET: secret, ...given }, { prefix: "BANK_A" })
        assert.include(message, part)
      })
    )
  }
})

describe("NodeCiba.layer", () => {
  const client = NodeCiba.layer({
    issuer: "https://op.example",
    clientId: "shop",
    authentication: ClientAuthentication.clientSecretBasic(Redacted.make(secret))
  })
  const tokenType = ClientRegistration.ClientRegistration.use(({ senderConstraint }) =>
    Effect.succeed(senderConstraint.tokenType)
  )
  const withDpop = Effect.provide(tokenType, Layer.provide(client, Dpop.layer({ key: SigningKey.generate("ES256") })))

  it.effect("is another client over Dpop.layer than without, also if both are the same value", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual([yield* withDpop, yield* tokenType], ["DPoP", "Bearer"])
    }).pipe(Effect.provide(client))
  )

  it.effect("is one client in every place over the same services", () =>
    Effect.gen(function* () {
      const outer = yield* ClientRegistration.ClientRegistration
      const inner = yield* Effect.provide(ClientRegistration.ClientRegistration, client)
      assert.strictEqual(inner, outer)
    }).pipe(Effect.provide(client))
  )
})
