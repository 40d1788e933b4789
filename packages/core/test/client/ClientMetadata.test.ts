import { describe, expect, it } from "@effect/vitest"
import { ClientMetadata, SigningKey } from "@effect-ciba/core"
import { Effect, Schema } from "effect"

const grant = "urn:openid:params:grant-type:ciba"

const poll = { deliveryMode: "poll", tokenEndpointAuthMethod: "client_secret_basic" } as const

const keys = Effect.map(SigningKey.generate("ES256"), ({ publicJwk }) => [publicJwk])

describe("ClientMetadata.make", () => {
  it.effect("sets grant type and notification endpoint by delivery mode, and no redirect URI (B1, B2, B3, B9)", () =>
    Effect.gen(function* () {
      const endpoint = "https://client.test/ciba"
      const modes = yield* Effect.all([
        ClientMetadata.make(poll),
        ClientMetadata.make({ ...poll, deliveryMode: "ping", notificationEndpoint: endpoint }),
        ClientMetadata.make({ ...poll, deliveryMode: "push", notificationEndpoint: endpoint })
      ])
      expect(
        modes.map((metadata) => [
          metadata.backchannel_token_delivery_mode,
          metadata.grant_types,
          metadata.backchannel_client_notification_endpoint
        ])
      ).toEqual([
        ["poll", [grant], undefined],
        ["ping", [grant], endpoint],
        ["push", [], endpoint]
      ])
      for (const metadata of modes) {
        expect(metadata.response_types).toEqual([])
        expect(metadata).not.toHaveProperty("redirect_uris")
      }
    })
  )

  it("has types for one mode with its endpoint, and for one method (B1, B3, B6)", () => {
    // @ts-expect-error a ping client has a notification endpoint
    const withoutEndpoint: ClientMetadata.Options = { ...poll, deliveryMode: "ping" }
    // @ts-expect-error one method covers every endpoint
    const twoMethods: ClientMetadata.Options = { ...poll, tokenEndpointAuthMethod: ["none", "private_key_jwt"] }
    expect([withoutEndpoint.deliveryMode, twoMethods.deliveryMode]).toEqual(["ping", "poll"])
  })

  it.effect("encodes the given options under the names of the specifications, and nothing else (B4, B5, B10)", () =>
    Effect.gen(function* () {
      const jwks = yield* keys
      const metadata = yield* ClientMetadata.make({
        ...poll,
        clientName: "Point of sale",
        scope: ["openid", "profile"],
        tokenEndpointAuthMethod: "tls_client_auth",
        certificateSubject: { tls_client_auth_san_dns: "client.test" },
        jwks,
        requestSigningAlg: "ES256",
        userCodeParameter: true,
        idTokenSignedResponseAlg: "PS256",
        idTokenEncryption: { keyAlgorithm: "RSA-OAEP", contentAlgorithm: "A256GCM" },
        userInfoSignedResponseAlg: "ES256",
        introspectionSignedResponseAlg: "ES384",
        certificateBoundAccessTokens: true,
        useMtlsEndpointAliases: true,
        dpopBoundAccessTokens: true,
        authorizationDetailsTypes: ["payment"],
        loginHintTokenTypes: ["jwt"],
        refreshTokens: true,
        subjectType: "public",
        softwareStatement: "a.b.c",
        additional: { organisation_id: "o-1" }
      })
      expect(metadata).toEqual({
        client_name: "Point of sale",
        scope: "openid profile",
        grant_types: [grant, "refresh_token"],
        response_types: [],
        token_endpoint_auth_method: "tls_client_auth",
        tls_client_auth_san_dns: "client.test",
        jwks: { keys: jwks },
        subject_type: "public",
        backchannel_token_delivery_mode: "poll",
        backchannel_authentication_request_signing_alg: "ES256",
        backchannel_user_code_parameter: true,
        backchannel_endpoint_login_hint_token_types: ["jwt"],
        id_token_signed_response_alg: "PS256",
        id_token_encrypted_response_alg: "RSA-OAEP",
        id_token_encrypted_response_enc: "A256GCM",
        userinfo_signed_response_alg: "ES256",
        introspection_signed_response_alg: "ES384",
        tls_client_certificate_bound_access_tokens: true,
        use_mtls_endpoint_aliases: true,
        dpop_bound_access_tokens: true,
        authorization_details_types: ["payment"],
        software_statement: "a.b.c",
        organisation_id: "o-1"
      })
      const schema = Schema.decodeUnknownEffect(ClientMetadata.ClientMetadata)
      expect(yield* schema(metadata)).toEqual(metadata)
      expect(Object.keys(yield* ClientMetadata.make(poll)).sort()).toEqual([
        "backchannel_token_delivery_mode",
        "grant_types",
        "response_types",
        "token_endpoint_auth_method"
      ])
    })
  )

  const ping = (notificationEndpoint: string): ClientMetadata.Options => ({
    ...poll,
    deliveryMode: "ping",
    notificationEndpoint
  })
  const invalid: ReadonlyArray<readonly [what: string, options: ClientMetadata.Options, parameter: string]> = [
    ["a notification endpoint without TLS (B3)", ping("http://client.test/ciba"), "notificationEndpoint"],
    ["a notification endpoint with a fragment (B3)", ping("https://client.test/ciba#a"), "notificationEndpoint"],
    ["no notification endpoint (B3)", ping(""), "notificationEndpoint"],
    [
      "requests signed with a client secret (B4)",
      // @ts-expect-error requests are signed with a private key
      { ...poll, requestSigningAlg: "HS256", jwksUri: "https://client.test/jwks" },
      "requestSigningAlg"
    ],
    [
      "none as the algorithm of requests (B4)",
      // @ts-expect-error none is no algorithm
      { ...poll, requestSigningAlg: "none", jwksUri: "https://client.test/jwks" },
      "requestSigningAlg"
    ],
    ["signed requests without keys (B4)", { ...poll, requestSigningAlg: "ES256" }, "jwks"],
    ["private_key_jwt without keys", { ...poll, tokenEndpointAuthMethod: "private_key_jwt" }, "jwks"],
    [
      "an assertion algorithm of another method",
      { ...poll, tokenEndpointAuthMethod: "client_secret_jwt", tokenEndpointAuthSigningAlg: "ES256" },
      "tokenEndpointAuthSigningAlg"
    ],
    ["both jwks and jwksUri", { ...poll, jwks: [], jwksUri: "https://client.test/jwks" }, "jwks"],
    ["a jwksUri without TLS", { ...poll, jwksUri: "http://client.test/jwks" }, "jwksUri"],
    ["a private key", { ...poll, jwks: [{ kty: "EC", d: "marker" }] }, "jwks"],
    ["a symmetric key", { ...poll, jwks: [{ kty: "oct", k: "marker" }] }, "jwks"],
    [
      "tls_client_auth without the certificate's subject",
      { ...poll, tokenEndpointAuthMethod: "tls_client_auth" },
      "certificateSubject"
    ]
  ]
  for (const [what, options, parameter] of invalid) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(ClientMetadata.make(options))
        expect(error).toMatchObject({ _tag: "ClientRegistrationError", parameter })
        expect(error.message).not.toContain("marker")
      })
    )
  }
})

describe("ClientMetadata.warnings", () => {
  const document = "https://client.test/sector.json"
  const jwksUri = "https://client.test/jwks"
  const cases: ReadonlyArray<
    readonly [what: string, options: Partial<ClientMetadata.Options>, warnings: ReadonlyArray<RegExp>]
  > = [
    ["none for public subjects", { subjectType: "public" }, []],
    ["two for a client secret without a sector document (B7)", {}, [/jwks_uri or a sector/, /possession/]],
    ["one for a sector document with a client secret (B7)", { sectorIdentifierUri: document }, [/possession/]],
    ["none for jwks_uri with private_key_jwt (B7)", { jwksUri, tokenEndpointAuthMethod: "private_key_jwt" }, []],
    ["none for jwks_uri with signed requests (B7)", { jwksUri, requestSigningAlg: "ES256" }, []],
    [
      "one for jwks_uri with a sector document (B7)",
      { jwksUri, sectorIdentifierUri: document, requestSigningAlg: "ES256" },
      [/has to list the jwks_uri/]
    ],
    [
      "none for push without a sector document (B8)",
      { deliveryMode: "push", notificationEndpoint: "https://client.test/cb" },
      []
    ],
    [
      "one for push with a sector document (B8)",
      { deliveryMode: "push", notificationEndpoint: "https://client.test/cb", sectorIdentifierUri: document },
      [/has to list the notification endpoint/]
    ]
  ]
  for (const [what, options, expected] of cases) {
    it.effect(`about pairwise subjects: ${what}`, () =>
      Effect.gen(function* () {
        const metadata = yield* ClientMetadata.make(
          Object.assign({ ...poll, subjectType: "pairwise" as const }, options)
        )
        const warnings = ClientMetadata.warnings(metadata)
        expect(warnings).toHaveLength(expected.length)
        for (const [index, pattern] of expected.entries()) expect(warnings[index]).toMatch(pattern)
      })
    )
  }
})
