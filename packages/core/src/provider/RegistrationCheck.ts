/**
 * Where a registration and a provider do not go together: every mismatch, in words, before anything is sent.
 *
 * **Example** (A provider that does not ping)
 *
 * ```ts
 * import { ClientAuthentication, ClientRegistration, Discovery } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const registration = ClientRegistration.make({
 *   clientId: "shop",
 *   authentication: ClientAuthentication.none,
 *   deliveryMode: "ping"
 * })
 *
 * const mismatches = Discovery.check(await Effect.runPromise(registration), {
 *   issuer: "https://op.example.com",
 *   jwks_uri: "https://op.example.com/jwks",
 *   token_endpoint: "https://op.example.com/token",
 *   backchannel_authentication_endpoint: "https://op.example.com/bc",
 *   backchannel_token_delivery_modes_supported: ["poll"],
 *   token_endpoint_auth_methods_supported: ["none"]
 * })
 *
 * mismatches.map(({ parameter }) => parameter) // => ["deliveryMode"]
 * ```
 *
 * @see CIBA Core 1.0 section 4, RFC 8414 section 2
 */
import { Redacted } from "effect"
import type * as ClientRegistration from "../client/ClientRegistration.ts"
import * as DeliveryMode from "../client/DeliveryMode.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import { sanitize } from "../internal/DisplayText.ts"
import type { ProviderMetadata } from "./ProviderMetadata.ts"

/** A point where the two differ. */
export interface Mismatch {
  /** `error` where the flow cannot work, `warning` where it may not. */
  readonly severity: "error" | "warning"
  /** The option of the registration. */
  readonly parameter: string
  /** What differs, and what to do. */
  readonly problem: string
}

/** Every mismatch; none, where the two go together as far as the provider says. */
export const check = (registration: ClientRegistration.Service, metadata: ProviderMetadata): ReadonlyArray<Mismatch> =>
  [
    ...endpoints(registration, metadata),
    ...capabilities(registration, metadata),
    ...algorithms(registration, metadata)
  ].filter((mismatch) => mismatch !== undefined)

type Found = Mismatch | undefined

const error = (parameter: string, problem: string): Mismatch => ({ severity: "error", parameter, problem })

const warning = (parameter: string, problem: string): Mismatch => ({ severity: "warning", parameter, problem })

const endpoints = (registration: ClientRegistration.Service, metadata: ProviderMetadata): ReadonlyArray<Found> => {
  const missing = (name: keyof ProviderMetadata & string, why: string, needed = true): Found =>
    needed && metadata[name] === undefined
      ? error(name, `the provider publishes none, and ${why}; check the issuer`)
      : undefined
  return [
    /^https:\/\//i.test(metadata.issuer)
      ? undefined
      : error("issuer", "it is not https; providers are reached over TLS alone"),
    missing("backchannel_authentication_endpoint", "requests are sent there"),
    missing("token_endpoint", "tokens come from there", registration.deliveryMode !== "push"),
    missing(
      "jwks_uri",
      `ID Tokens signed with ${registration.idTokenSignedResponseAlg} are verified with its keys`,
      !JwsAlgorithm.isSymmetric(registration.idTokenSignedResponseAlg)
    )
  ]
}

const capabilities = (registration: ClientRegistration.Service, metadata: ProviderMetadata): ReadonlyArray<Found> => {
  const { authentication, deliveryMode, mutualTls, userCodeParameter } = registration
  const modes = metadata.backchannel_token_delivery_modes_supported
  const methods = metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"]
  return [
    modes?.includes(deliveryMode) === true
      ? undefined
      : error(
          "deliveryMode",
          `the provider has ${listed(modes, "no delivery modes in its metadata")}, and not ${deliveryMode}`
        ),
    deliveryMode === "push" || metadata.grant_types_supported?.includes(DeliveryMode.grantType) !== false
      ? undefined
      : warning(
          "deliveryMode",
          `the provider does not list the grant type ${DeliveryMode.grantType}, which ${deliveryMode} needs`
        ),
    methods.includes(authentication.method)
      ? undefined
      : error("authentication", `the provider takes ${listed(methods, "no method")}, and not ${authentication.method}`),
    userCodeParameter && metadata.backchannel_user_code_parameter_supported !== true
      ? error("userCodeParameter", "the provider does not support user codes")
      : undefined,
    mutualTls?.boundAccessTokens === true && metadata.tls_client_certificate_bound_access_tokens !== true
      ? error("mutualTls", "the provider does not bind access tokens to certificates")
      : undefined,
    metadata.scopes_supported?.includes("openid") === false
      ? warning("scope", "the provider does not list the scope openid, which every request has")
      : undefined
  ]
}

const algorithms = (registration: ClientRegistration.Service, metadata: ProviderMetadata): ReadonlyArray<Found> => {
  const { authentication, idTokenSignedResponseAlg, requestSigner, senderConstraint } = registration
  const unlisted = (
    parameter: string,
    algorithm: string | undefined,
    supported: ReadonlyArray<string> | undefined,
    what: string
  ): Found =>
    algorithm === undefined || supported === undefined || supported.includes(algorithm)
      ? undefined
      : error(parameter, `the provider ${what} ${listed(supported, "nothing")}, and not ${algorithm}`)
  const signing = metadata.backchannel_authentication_request_signing_alg_values_supported
  return [
    unlisted(
      "authentication",
      authentication.algorithm,
      metadata.token_endpoint_auth_signing_alg_values_supported,
      "takes assertions in"
    ),
    requestSigner !== undefined && signing === undefined
      ? error("SignedRequest", "the provider takes no signed requests; leave SignedRequest.layer out")
      : unlisted("SignedRequest", requestSigner?.algorithm, signing, "takes requests signed with"),
    unlisted(
      "idTokenSignedResponseAlg",
      idTokenSignedResponseAlg,
      metadata.id_token_signing_alg_values_supported,
      "signs ID Tokens with"
    ),
    unlisted(
      "userInfoSignedResponseAlg",
      registration.userInfoSignedResponseAlg,
      metadata.userinfo_signing_alg_values_supported,
      "signs UserInfo with"
    ),
    unlisted(
      "introspectionSignedResponseAlg",
      registration.introspectionSignedResponseAlg,
      metadata.introspection_signing_alg_values_supported,
      "signs introspection answers with"
    ),
    senderConstraint.algorithm !== undefined && metadata.dpop_signing_alg_values_supported === undefined
      ? warning("Dpop", "the provider does not say that it takes DPoP proofs")
      : unlisted("Dpop", senderConstraint.algorithm, metadata.dpop_signing_alg_values_supported, "takes proofs in"),
    shortSecret(registration)
  ]
}

/** A key for HMAC has at least as many bits as the hash (RFC 7518 3.2). */
const shortSecret = ({
  authentication: { algorithm, secret },
  idTokenSignedResponseAlg
}: ClientRegistration.Service): Found => {
  const hmac = [algorithm, idTokenSignedResponseAlg].filter((used) => used?.startsWith("HS"))
  const bits = Math.max(0, ...hmac.map((used) => Number(used?.slice(2))))
  const length = secret === undefined ? 0 : new TextEncoder().encode(Redacted.value(secret)).length * 8
  return secret === undefined || length >= bits
    ? undefined
    : warning(
        "authentication",
        `the client secret has fewer than the ${bits} bits that its algorithm needs; ask for a longer one`
      )
}

const listed = (values: ReadonlyArray<string> | undefined, otherwise: string): string =>
  values === undefined || values.length === 0 ? otherwise : values.map((value) => sanitize(value, 40)).join(", ")
