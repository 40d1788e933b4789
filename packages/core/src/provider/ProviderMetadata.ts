/**
 * The metadata that a provider publishes, under the member names of the specifications. Members that are not listed here
 * are kept, and are `unknown`. Only the `issuer` has to be readable: a member in another form than its specification's counts
 * as its plain meaning (`"false"`, one text for a list), or as absent.
 *
 * **When to use**
 *
 * Read it with `Discovery.metadata`; decode a document of your own with the schema, or pass it to `Discovery.layerStatic`.
 *
 * **Example** (Metadata from a file)
 *
 * ```ts
 * import { ProviderMetadata } from "@effect-ciba/core"
 * import { Schema } from "effect"
 *
 * const metadata = Schema.decodeUnknownSync(ProviderMetadata.ProviderMetadata)({
 *   issuer: "https://op.example.com",
 *   backchannel_token_delivery_modes_supported: ["poll", "ping"]
 * })
 *
 * metadata.backchannel_token_delivery_modes_supported // => ["poll", "ping"]
 * ```
 *
 * @see OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2, CIBA Core 1.0 section 4
 */
import { Effect, Schema } from "effect"
import type { MutualTls } from "../client/MutualTls.ts"
import { flag, list, url } from "../internal/ForeignMember.ts"
import { DiscoveryError, MissingEndpoint } from "./DiscoveryError.ts"

const members = Schema.Struct({
  issuer: Schema.NonEmptyString,
  jwks_uri: url,
  token_endpoint: url,
  userinfo_endpoint: url,
  revocation_endpoint: url,
  introspection_endpoint: url,
  introspection_signing_alg_values_supported: list,
  registration_endpoint: url,
  backchannel_authentication_endpoint: url,
  backchannel_token_delivery_modes_supported: list,
  backchannel_authentication_request_signing_alg_values_supported: list,
  backchannel_user_code_parameter_supported: flag,
  backchannel_endpoint_login_hint_token_types_supported: list,
  token_endpoint_auth_methods_supported: list,
  token_endpoint_auth_signing_alg_values_supported: list,
  id_token_signing_alg_values_supported: list,
  grant_types_supported: list,
  scopes_supported: list,
  acr_values_supported: list,
  claims_supported: list,
  userinfo_signing_alg_values_supported: list,
  id_token_encryption_alg_values_supported: list,
  id_token_encryption_enc_values_supported: list,
  tls_client_certificate_bound_access_tokens: flag,
  dpop_signing_alg_values_supported: list,
  authorization_details_types_supported: list,
  grant_management_endpoint: url,
  grant_management_actions_supported: list,
  grant_management_action_required: flag
})

/**
 * A provider's metadata.
 *
 * @since 0.1.0
 * @stability stable
 */
export type ProviderMetadata = typeof members.Type & { readonly [member: string]: unknown }

/**
 * Schema of a provider's metadata.
 *
 * @since 0.1.0
 * @stability stable
 */
export const ProviderMetadata: Schema.Decoder<ProviderMetadata> = Schema.StructWithRest(members, [
  Schema.Record(Schema.String, Schema.Unknown)
])

/**
 * The endpoints that this library calls.
 *
 * @since 0.1.0
 * @stability stable
 */
export type EndpointName =
  | "backchannel_authentication_endpoint"
  | "token_endpoint"
  | "jwks_uri"
  | "userinfo_endpoint"
  | "revocation_endpoint"
  | "introspection_endpoint"
  | "registration_endpoint"

/**
 * The URL of an endpoint, or its mutual-TLS alias if `mutualTls` uses that. Fails with `MissingEndpoint`.
 *
 * @since 0.1.0
 * @stability stable
 */
export const endpoint = (
  metadata: ProviderMetadata,
  name: EndpointName,
  mutualTls?: MutualTls
): Effect.Effect<string, DiscoveryError> => {
  const url = mutualTls?.alias(metadata, name) ?? metadata[name]
  return url === undefined
    ? Effect.fail(new DiscoveryError({ reason: new MissingEndpoint({ issuer: metadata.issuer, endpoint: name }) }))
    : Effect.succeed(url)
}
