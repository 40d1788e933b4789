/**
 * Client metadata: the document by which a client is registered, under the member names of the specifications.
 *
 * **When to use**
 *
 * For dynamic registration (`DynamicRegistration.register`), or for the form of a provider that registers clients by hand.
 *
 * **Details**
 *
 * - A CIBA client has no redirect URI and no response type. Its grant type is that of CIBA; a push client has none.
 * - One method of client authentication serves every endpoint.
 * - A ping or push client has a notification endpoint, and a poll client has none.
 *
 * **Example** (A poll client that signs its requests)
 *
 * ```ts
 * import { ClientMetadata, SigningKey } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const key = yield* SigningKey.generate("ES256")
 *   return yield* ClientMetadata.make({
 *     deliveryMode: "poll",
 *     clientName: "Point of sale",
 *     tokenEndpointAuthMethod: "private_key_jwt",
 *     tokenEndpointAuthSigningAlg: "ES256",
 *     requestSigningAlg: "ES256",
 *     jwks: [key.publicJwk]
 *   })
 * })
 *
 * const metadata = await Effect.runPromise(program)
 * metadata.grant_types // => ["urn:openid:params:grant-type:ciba"]
 * ```
 *
 * @see CIBA Core 1.0 section 4, RFC 7591 section 2
 */
import { Effect, Predicate, Record, Schema } from "effect"
import type { ContentAlgorithm, KeyAlgorithm } from "../crypto/JsonWebEncryption.ts"
import { JsonWebKey, toPublic } from "../crypto/JsonWebKey.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import { flag, lenient, list, text, words } from "../internal/ForeignMember.ts"
import type { Method } from "./ClientAuthentication.ts"
import { type ClientRegistrationError, ensureValid } from "./ClientRegistrationError.ts"
import { DeliveryMode, grantType } from "./DeliveryMode.ts"

type Member = Schema.Struct.Fields[string]

/** The members, with the schemas of a text, a list, a flag and others. */
const membersOf = <
  Text extends Member,
  Words extends Member,
  List extends Member,
  Flag extends Member,
  Keys extends Member,
  Mode extends Member
>({
  flag,
  keys,
  list,
  mode,
  text,
  words
}: {
  readonly text: Text
  readonly words: Words
  readonly list: List
  readonly flag: Flag
  readonly keys: Keys
  readonly mode: Mode
}) =>
  Schema.Struct({
    client_name: text,
    scope: words,
    grant_types: list,
    response_types: list,
    token_endpoint_auth_method: text,
    token_endpoint_auth_signing_alg: text,
    jwks: keys,
    jwks_uri: text,
    subject_type: text,
    sector_identifier_uri: text,
    backchannel_token_delivery_mode: mode,
    backchannel_client_notification_endpoint: text,
    backchannel_authentication_request_signing_alg: text,
    backchannel_user_code_parameter: flag,
    backchannel_endpoint_login_hint_token_types: list,
    id_token_signed_response_alg: text,
    id_token_encrypted_response_alg: text,
    id_token_encrypted_response_enc: text,
    userinfo_signed_response_alg: text,
    introspection_signed_response_alg: text,
    tls_client_certificate_bound_access_tokens: flag,
    use_mtls_endpoint_aliases: flag,
    tls_client_auth_subject_dn: text,
    tls_client_auth_san_dns: text,
    tls_client_auth_san_uri: text,
    tls_client_auth_san_ip: text,
    tls_client_auth_san_email: text,
    dpop_bound_access_tokens: flag,
    authorization_details_types: list,
    software_statement: text
  })

const KeySet = Schema.Struct({ keys: Schema.Array(JsonWebKey) })

const members = membersOf({
  text: Schema.optionalKey(Schema.String),
  words: Schema.optionalKey(Schema.String),
  list: Schema.optionalKey(Schema.Array(Schema.String)),
  flag: Schema.optionalKey(Schema.Boolean),
  keys: Schema.optionalKey(KeySet),
  mode: Schema.optionalKey(DeliveryMode)
})

/**
 * Client metadata as the specifications name it.
 *
 * @since 0.1.0
 * @stability stable
 */
export type ClientMetadata = typeof members.Type & { readonly [member: string]: unknown }

/**
 * Schema of client metadata; other members pass through.
 *
 * @since 0.1.0
 * @stability stable
 */
export const ClientMetadata: Schema.Codec<ClientMetadata> = Schema.StructWithRest(members, [
  Schema.Record(Schema.String, Schema.Unknown)
])

/**
 * Schema of the client metadata in a registration response: another form than its specification's is read by its plain meaning, or
 * counts as absent.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const ForeignClientMetadata: Schema.Decoder<ClientMetadata> = (() =>
  Schema.StructWithRest(membersOf({ text, words, list, flag, keys: lenient(KeySet), mode: lenient(DeliveryMode) }), [
    Schema.Record(Schema.String, Schema.Unknown)
  ]))()

/**
 * The delivery mode, and the URL that the provider notifies in ping and push mode.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Delivery =
  | { readonly deliveryMode: "poll" }
  | { readonly deliveryMode: "ping" | "push"; readonly notificationEndpoint: string }

/**
 * The subject of the certificate for `tls_client_auth`, in one of five forms (RFC 8705 2.1.2).
 *
 * @since 0.1.0
 * @stability stable
 */
export type CertificateSubject =
  | { readonly tls_client_auth_subject_dn: string }
  | { readonly tls_client_auth_san_dns: string }
  | { readonly tls_client_auth_san_uri: string }
  | { readonly tls_client_auth_san_ip: string }
  | { readonly tls_client_auth_san_email: string }

/**
 * The metadata of a CIBA client; a member that is not given is left out.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Options = Delivery & {
  readonly clientName?: string | undefined
  readonly scope?: ReadonlyArray<string> | undefined
  readonly tokenEndpointAuthMethod: Method
  /** The algorithm of its client assertions. */
  readonly tokenEndpointAuthSigningAlg?: JwsAlgorithm.JwsAlgorithm | undefined
  /** Its public keys; or `jwksUri`, the URL that publishes them. */
  readonly jwks?: ReadonlyArray<JsonWebKey> | undefined
  readonly jwksUri?: string | undefined
  /** The algorithm of its signed authentication requests; they are not signed by default. */
  readonly requestSigningAlg?: JwsAlgorithm.Asymmetric | undefined
  readonly userCodeParameter?: boolean | undefined
  readonly idTokenSignedResponseAlg?: JwsAlgorithm.JwsAlgorithm | undefined
  readonly idTokenEncryption?:
    | { readonly keyAlgorithm: KeyAlgorithm; readonly contentAlgorithm: ContentAlgorithm }
    | undefined
  readonly userInfoSignedResponseAlg?: JwsAlgorithm.JwsAlgorithm | undefined
  readonly introspectionSignedResponseAlg?: JwsAlgorithm.JwsAlgorithm | undefined
  readonly certificateBoundAccessTokens?: boolean | undefined
  readonly useMtlsEndpointAliases?: boolean | undefined
  readonly certificateSubject?: CertificateSubject | undefined
  readonly dpopBoundAccessTokens?: boolean | undefined
  readonly authorizationDetailsTypes?: ReadonlyArray<string> | undefined
  readonly loginHintTokenTypes?: ReadonlyArray<string> | undefined
  readonly subjectType?: "public" | "pairwise" | undefined
  readonly sectorIdentifierUri?: string | undefined
  /** Whether the client uses refresh tokens; `false` by default. */
  readonly refreshTokens?: boolean | undefined
  readonly softwareStatement?: string | undefined
  /** Other members. */
  readonly additional?: Readonly<Record<string, Schema.Json>> | undefined
}

/**
 * Validates the options and encodes them as metadata.
 *
 * @since 0.1.0
 * @stability stable
 */
export const make = (options: Options): Effect.Effect<ClientMetadata, ClientRegistrationError> =>
  Effect.as(validate(options), encode(options))

/**
 * What a provider may refuse in metadata that is valid: pairwise subjects have requirements of their own (CIBA Core 4).
 *
 * @since 0.1.0
 * @stability stable
 */
export const warnings = (metadata: ClientMetadata): ReadonlyArray<string> => {
  if (metadata.subject_type !== "pairwise") return []
  const hasSector = metadata.sector_identifier_uri !== undefined
  if (metadata.backchannel_token_delivery_mode === "push") {
    return hasSector
      ? ["the document at sector_identifier_uri has to list the notification endpoint (pairwise subjects in push mode)"]
      : []
  }
  const hasKeys = metadata.jwks_uri !== undefined
  return [
    !hasKeys && !hasSector && "pairwise subjects need a jwks_uri or a sector_identifier_uri",
    hasKeys && hasSector && "the document at sector_identifier_uri has to list the jwks_uri (pairwise subjects)",
    !provesPossession(metadata.backchannel_authentication_request_signing_alg, metadata.token_endpoint_auth_method) &&
      "pairwise subjects need possession to be shown: sign requests, or use private_key_jwt or self_signed_tls_client_auth"
  ].filter((warning) => warning !== false)
}

const validate = (options: Options): Effect.Effect<void, ClientRegistrationError> => {
  const { certificateSubject, jwks, jwksUri, requestSigningAlg } = options
  const { tokenEndpointAuthMethod: method, tokenEndpointAuthSigningAlg: algorithm } = options
  return ensureValid({
    notificationEndpoint:
      options.deliveryMode !== "poll" &&
      !/^https:\/\/[^#\s]+$/i.test(options.notificationEndpoint ?? "") &&
      `${options.deliveryMode} delivery needs an https URL without fragment (CIBA Core 9)`,
    requestSigningAlg:
      requestSigningAlg !== undefined &&
      !JwsAlgorithm.isAsymmetric(requestSigningAlg) &&
      "requests are signed with a private key; use an asymmetric algorithm (CIBA Core 7.1.1)",
    tokenEndpointAuthSigningAlg:
      algorithm !== undefined && !isFitting(method, algorithm) && `it does not go with ${method}`,
    jwks:
      (jwks !== undefined && jwksUri !== undefined && "jwks and jwksUri exclude each other (RFC 7591 2)") ||
      (jwks?.every(isPublic) === false && "a key has private members; register the public half") ||
      (provesPossession(requestSigningAlg, method) &&
        jwks === undefined &&
        jwksUri === undefined &&
        "the provider needs the client's public keys; give jwks or jwksUri"),
    jwksUri: jwksUri !== undefined && !/^https:\/\//i.test(jwksUri) && "it has to be an https URL",
    certificateSubject:
      (method === "tls_client_auth") !== (certificateSubject !== undefined) &&
      "it belongs to tls_client_auth, and tls_client_auth needs it (RFC 8705 2.1.2)"
  })
}

const isFitting = (method: Method, algorithm: JwsAlgorithm.JwsAlgorithm): boolean =>
  method === "client_secret_jwt"
    ? JwsAlgorithm.isSymmetric(algorithm)
    : method === "private_key_jwt" && JwsAlgorithm.isAsymmetric(algorithm)

const isPublic = (key: JsonWebKey): boolean =>
  Object.keys(toPublic(key)).length === Object.keys(key).filter((name) => name !== "key_ops").length

/** Whether requests show possession of a key that is registered (CIBA Core 4). */
const provesPossession = (requestSigningAlg: string | undefined, method: string | undefined): boolean =>
  requestSigningAlg !== undefined || method === "private_key_jwt" || method === "self_signed_tls_client_auth"

const encode = (options: Options): ClientMetadata => ({
  ...options.additional,
  ...Record.filter(
    {
      client_name: options.clientName,
      scope: options.scope?.join(" "),
      grant_types: [
        ...(options.deliveryMode === "push" ? [] : [grantType]),
        ...(options.refreshTokens === true ? ["refresh_token"] : [])
      ],
      response_types: [],
      token_endpoint_auth_method: options.tokenEndpointAuthMethod,
      token_endpoint_auth_signing_alg: options.tokenEndpointAuthSigningAlg,
      jwks: options.jwks && { keys: options.jwks },
      jwks_uri: options.jwksUri,
      subject_type: options.subjectType,
      sector_identifier_uri: options.sectorIdentifierUri,
      backchannel_token_delivery_mode: options.deliveryMode,
      backchannel_client_notification_endpoint:
        options.deliveryMode === "poll" ? undefined : options.notificationEndpoint,
      backchannel_authentication_request_signing_alg: options.requestSigningAlg,
      backchannel_user_code_parameter: options.userCodeParameter,
      backchannel_endpoint_login_hint_token_types: options.loginHintTokenTypes,
      id_token_signed_response_alg: options.idTokenSignedResponseAlg,
      id_token_encrypted_response_alg: options.idTokenEncryption?.keyAlgorithm,
      id_token_encrypted_response_enc: options.idTokenEncryption?.contentAlgorithm,
      userinfo_signed_response_alg: options.userInfoSignedResponseAlg,
      introspection_signed_response_alg: options.introspectionSignedResponseAlg,
      tls_client_certificate_bound_access_tokens: options.certificateBoundAccessTokens,
      use_mtls_endpoint_aliases: options.useMtlsEndpointAliases,
      dpop_bound_access_tokens: options.dpopBoundAccessTokens,
      authorization_details_types: options.authorizationDetailsTypes,
      software_statement: options.softwareStatement
    },
    Predicate.isNotUndefined
  ),
  ...options.certificateSubject
})
