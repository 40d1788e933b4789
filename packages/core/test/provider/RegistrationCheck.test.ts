import { describe, expect, it } from "@effect/vitest"
import {
  ClientAuthentication,
  ClientRegistration,
  Discovery,
  Dpop,
  MutualTls,
  ProviderMetadata,
  SignedRequest,
  SigningKey
} from "@effect-ciba/core"
import { Effect, Layer, Redacted, Schema } from "effect"

const grant = "urn:openid:params:grant-type:ciba"

/** Changed members; those that are `undefined` are removed. */
type Change = { readonly [member: string]: unknown }

/** The metadata of a provider that supports everything the client below needs. */
const metadata: ProviderMetadata.ProviderMetadata = {
  issuer: "https://op.test",
  jwks_uri: "https://op.test/jwks",
  token_endpoint: "https://op.test/token",
  backchannel_authentication_endpoint: "https://op.test/bc",
  backchannel_token_delivery_modes_supported: ["poll", "ping", "push"],
  backchannel_authentication_request_signing_alg_values_supported: ["ES256"],
  backchannel_user_code_parameter_supported: true,
  token_endpoint_auth_methods_supported: ["private_key_jwt", "client_secret_jwt"],
  token_endpoint_auth_signing_alg_values_supported: ["ES256", "HS256"],
  id_token_signing_alg_values_supported: ["ES256", "HS256"],
  userinfo_signing_alg_values_supported: ["ES256"],
  introspection_signing_alg_values_supported: ["ES256"],
  dpop_signing_alg_values_supported: ["ES256"],
  grant_types_supported: [grant],
  scopes_supported: ["openid"],
  tls_client_certificate_bound_access_tokens: true
}

const check = (change: Change, options: Partial<ClientRegistration.Options<SigningKey.InvalidKey>> = {}) =>
  ClientRegistration.make({
    clientId: "bank",
    authentication: ClientAuthentication.privateKeyJwt(SigningKey.generate("ES256")),
    idTokenSignedResponseAlg: "ES256",
    userInfoSignedResponseAlg: "ES256",
    introspectionSignedResponseAlg: "ES256",
    userCodeParameter: true,
    mutualTls: MutualTls.make(),
    ...options
  }).pipe(
    Effect.flatMap((registration) =>
      Effect.map(decodeMetadata({ ...metadata, ...change }), (document) => Discovery.check(registration, document))
    ),
    Effect.provide(
      Layer.merge(
        SignedRequest.layer({ key: SigningKey.generate("ES256") }),
        Dpop.layer({ key: SigningKey.generate("ES256") })
      )
    )
  )

const decodeMetadata = (document: Change) =>
  Schema.decodeUnknownEffect(ProviderMetadata.ProviderMetadata)(
    Object.fromEntries(Object.entries(document).filter(([, value]) => value !== undefined))
  )

const secret = (length: number) => Redacted.make("x".repeat(length))

type Case = readonly [
  what: string,
  change: Change,
  severity: "error" | "warning",
  parameter: string,
  text: string,
  options?: Partial<ClientRegistration.Options<SigningKey.InvalidKey>>
]

const cases: ReadonlyArray<Case> = [
  ["an issuer without TLS", { issuer: "http://op.test" }, "error", "issuer", "not https"],
  [
    "no backchannel authentication endpoint (A3)",
    { backchannel_authentication_endpoint: undefined },
    "error",
    "backchannel_authentication_endpoint",
    "requests are sent there"
  ],
  ["no token endpoint", { token_endpoint: undefined }, "error", "token_endpoint", "tokens come from there"],
  ["no jwks_uri", { jwks_uri: undefined }, "error", "jwks_uri", "ES256"],
  [
    "another delivery mode (A4)",
    { backchannel_token_delivery_modes_supported: ["ping"] },
    "error",
    "deliveryMode",
    "supports ping, and not poll"
  ],
  [
    "no delivery mode at all (A4)",
    { backchannel_token_delivery_modes_supported: undefined },
    "error",
    "deliveryMode",
    "no delivery modes"
  ],
  ["a list of grants without CIBA's (A7)", { grant_types_supported: ["code"] }, "warning", "deliveryMode", grant],
  [
    "other methods of authentication (A8)",
    { token_endpoint_auth_methods_supported: ["none"] },
    "error",
    "authentication",
    "accepts none, and not private_key_jwt"
  ],
  [
    "no list of methods, which means client_secret_basic (A8)",
    { token_endpoint_auth_methods_supported: undefined },
    "error",
    "authentication",
    "accepts client_secret_basic"
  ],
  [
    "other algorithms for assertions (A8, E7)",
    { token_endpoint_auth_signing_alg_values_supported: ["RS256"] },
    "error",
    "authentication",
    "accepts assertions signed with RS256, and not ES256"
  ],
  [
    "no signed requests (A5, B4)",
    { backchannel_authentication_request_signing_alg_values_supported: undefined },
    "error",
    "SignedRequest",
    "accepts no signed requests"
  ],
  [
    "other algorithms for requests (A5, B4)",
    { backchannel_authentication_request_signing_alg_values_supported: ["PS256"] },
    "error",
    "SignedRequest",
    "accepts requests signed with PS256"
  ],
  [
    "other algorithms for ID Tokens",
    { id_token_signing_alg_values_supported: ["RS256"] },
    "error",
    "idTokenSignedResponseAlg",
    "signs ID Tokens with RS256"
  ],
  [
    "other algorithms for UserInfo",
    { userinfo_signing_alg_values_supported: ["RS256"] },
    "error",
    "userInfoSignedResponseAlg",
    "signs UserInfo responses with RS256"
  ],
  [
    "other algorithms for introspection",
    { introspection_signing_alg_values_supported: ["RS256"] },
    "error",
    "introspectionSignedResponseAlg",
    "signs introspection responses with RS256"
  ],
  [
    "other algorithms for proofs",
    { dpop_signing_alg_values_supported: ["RS256"] },
    "error",
    "Dpop",
    "accepts proofs signed with RS256"
  ],
  [
    "no list of algorithms for proofs",
    { dpop_signing_alg_values_supported: undefined },
    "warning",
    "Dpop",
    "does not say"
  ],
  [
    "no user codes (A6, B5)",
    { backchannel_user_code_parameter_supported: undefined },
    "error",
    "userCodeParameter",
    "does not support"
  ],
  [
    "no tokens bound to certificates",
    { tls_client_certificate_bound_access_tokens: false },
    "error",
    "mutualTls",
    "does not bind"
  ],
  ["a list of scopes without openid", { scopes_supported: ["profile"] }, "warning", "scope", "openid"],
  [
    "a client secret that is too short for its HMAC",
    {},
    "warning",
    "authentication",
    "256 bits",
    { authentication: ClientAuthentication.clientSecretJwt(secret(31)) }
  ]
]

describe("Discovery.check", () => {
  it.effect("finds no mismatch between a registration and metadata that agree", () =>
    Effect.gen(function* () {
      expect(yield* check({})).toEqual([])
      expect(yield* check({}, { authentication: ClientAuthentication.clientSecretJwt(secret(32)) })).toEqual([])
      expect(yield* check({ token_endpoint: undefined, grant_types_supported: [] }, { deliveryMode: "push" })).toEqual(
        []
      )
    })
  )

  for (const [what, change, severity, parameter, text, options] of cases) {
    it.effect(`finds one mismatch: ${what}`, () =>
      Effect.gen(function* () {
        const mismatches = yield* check(change, options)
        expect(mismatches).toHaveLength(1)
        expect(mismatches[0]).toMatchObject({ severity, parameter })
        expect(mismatches[0]?.problem).toContain(text)
      })
    )
  }

  it.effect("expects of a provider no proofs that the client does not make", () =>
    Effect.gen(function* () {
      const registration = yield* ClientRegistration.make({
        clientId: "bank",
        authentication: ClientAuthentication.privateKeyJwt(SigningKey.generate("ES256")),
        idTokenSignedResponseAlg: "ES256"
      })
      const document = yield* decodeMetadata({ ...metadata, dpop_signing_alg_values_supported: undefined })
      expect(Discovery.check(registration, document)).toEqual([])
    })
  )

  it.effect("finds every mismatch at once if the provider publishes nothing but its issuer", () =>
    Effect.gen(function* () {
      const mismatches = yield* check(
        Object.fromEntries(
          Object.keys(metadata).map((name) => [name, name === "issuer" ? "http://op.test" : undefined])
        )
      )
      expect(new Set(mismatches.map(({ parameter }) => parameter)).size).toBeGreaterThan(8)
    })
  )

  const lists = [
    "id_token_signing_alg_values_supported",
    "userinfo_signing_alg_values_supported",
    "introspection_signing_alg_values_supported"
  ]
  const registerFor = (algorithm: "EdDSA" | "Ed25519") => ({
    idTokenSignedResponseAlg: algorithm,
    userInfoSignedResponseAlg: algorithm,
    introspectionSignedResponseAlg: algorithm
  })

  it.effect("does not take an empty list for what the provider signs ID Tokens with (A16)", () =>
    Effect.gen(function* () {
      expect(yield* check({ id_token_signing_alg_values_supported: [] })).toEqual([])
    })
  )

  for (const [algorithm, listed] of [
    ["EdDSA", "Ed25519"],
    ["Ed25519", "EdDSA"]
  ] as const) {
    it.effect(`takes ${listed} for ${algorithm} in what the provider signs (A17)`, () =>
      Effect.gen(function* () {
        const change = Object.fromEntries(lists.map((name) => [name, ["RS256", listed]]))
        expect(yield* check(change, registerFor(algorithm))).toEqual([])
      })
    )

    it.effect(`does not take ${listed} for ${algorithm} in what the client signs, whose header names one of them`, () =>
      Effect.gen(function* () {
        const authentication = ClientAuthentication.privateKeyJwt(SigningKey.generate(algorithm))
        const mismatches = yield* check(
          { token_endpoint_auth_signing_alg_values_supported: [listed] },
          { authentication }
        )
        expect(mismatches.map(({ parameter }) => parameter)).toEqual(["authentication"])
      })
    )
  }

  it.effect("quotes values of the provider without control characters, and cut", () =>
    Effect.gen(function* () {
      const [mismatch] = yield* check({ token_endpoint_auth_methods_supported: [`\u001b[31m${"x".repeat(1000)}`] })
      expect(mismatch?.problem).not.toContain("\u001b")
      expect(mismatch?.problem.length).toBeLessThan(200)
    })
  )
})
