/**
 * Comparison of a client's registration with the provider's metadata, before anything is sent; public as `Discovery.check`.
 *
 * **Example** (A provider without ping mode)
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
import { Redacted, Struct } from "effect"
import type * as ClientRegistration from "../client/ClientRegistration.ts"
import type { Decrypter } from "../client/Decrypter.ts"
import * as DeliveryMode from "../client/DeliveryMode.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import { sanitize } from "../internal/DisplayText.ts"
import type { EndpointName, ProviderMetadata } from "./ProviderMetadata.ts"

/**
 * A point in which a registration and a provider's metadata do not agree.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Mismatch {
  /** `error` if the flow cannot work, `warning` if it may not. */
  readonly severity: "error" | "warning"
  /** The option of `ClientRegistration`, the layer, or the member of the metadata. */
  readonly parameter: string
  /** What differs, and what to do. */
  readonly problem: string
  /** The feature of `AuthenticationRequestError.Unsupported`, if requests fail with that because of the mismatch. */
  readonly feature?: string | undefined
}

/**
 * Every mismatch that the metadata shows. What the provider does not publish cannot be compared.
 *
 * @since 0.1.0
 * @stability stable
 */
export const check = (registration: ClientRegistration.Service, metadata: ProviderMetadata): ReadonlyArray<Mismatch> =>
  [
    ...checkEndpoints(registration, metadata),
    ...checkRequest(registration, metadata),
    registration.userCodeParameter && checkUserCode(metadata),
    ...checkCapabilities(registration, metadata),
    ...Struct.keys(signedResponses).map((parameter) => {
      const [supported, use] = signedResponses[parameter]
      return checkReceived(parameter, registration[parameter], metadata[supported], use)
    }),
    checkSecretLength(registration)
  ].filter(isMismatch)

/** The mismatches that concern each authentication request of the client, whatever its parameters. */
export const checkRequest = (
  { decrypter, deliveryMode, idTokenSignedResponseAlg, requestSigner, senderConstraint }: ClientRegistration.Service,
  metadata: ProviderMetadata
): ReadonlyArray<Mismatch> => {
  const modes = metadata.backchannel_token_delivery_modes_supported
  const signing = metadata.backchannel_authentication_request_signing_alg_values_supported
  const proofs = metadata.dpop_signing_alg_values_supported
  const { algorithm } = senderConstraint
  const signedRequests = `requests signed with ${requestSigner?.algorithm}`
  const noMode = modes?.length
    ? `the provider supports ${list(modes)}, and not ${deliveryMode}; set deliveryMode to what the client is registered for`
    : describeWithout(metadata)
  return [
    modes?.includes(deliveryMode) !== true && error("deliveryMode", noMode, `${deliveryMode} delivery`),
    deliveryMode !== "push" &&
      metadata.grant_types_supported?.includes(DeliveryMode.grantType) === false &&
      warning(
        "deliveryMode",
        `the provider does not list the grant type ${DeliveryMode.grantType}, which a ${deliveryMode} client needs`
      ),
    requestSigner !== undefined &&
      signing === undefined &&
      error("SignedRequest", "the provider accepts no signed requests; leave SignedRequest.layer out", signedRequests),
    checkAlgorithm("SignedRequest", requestSigner?.algorithm, signing, "accepts requests signed with", signedRequests),
    checkAlgorithm("Dpop", algorithm, proofs, "accepts proofs signed with", `DPoP proofs signed with ${algorithm}`),
    checkReceived(
      "idTokenSignedResponseAlg",
      idTokenSignedResponseAlg,
      omitEmpty(metadata.id_token_signing_alg_values_supported),
      "signs ID Tokens with",
      `ID Tokens signed with ${idTokenSignedResponseAlg}`
    ),
    ...checkEncryption(decrypter, metadata)
  ].filter(isMismatch)
}

const checkEncryption = ({ contentAlgorithm, keyAlgorithm }: Decrypter, metadata: ProviderMetadata) => {
  const keys = omitEmpty(metadata.id_token_encryption_alg_values_supported)
  const contents = omitEmpty(metadata.id_token_encryption_enc_values_supported)
  const use = "encrypts ID Tokens with"
  return [
    checkReceived("keyAlgorithm", keyAlgorithm, keys, use, `ID Tokens encrypted with ${keyAlgorithm}`),
    checkReceived("contentAlgorithm", contentAlgorithm, contents, use, `ID Tokens encrypted with ${contentAlgorithm}`)
  ]
}

/** A list without an entry does not say with what the provider signs or encrypts. */
const omitEmpty = (values: ReadonlyArray<string> | undefined) => (values?.length === 0 ? undefined : values)

const describeWithout = ({ backchannel_authentication_endpoint: endpoint }: ProviderMetadata): string =>
  endpoint === undefined
    ? "the provider's metadata has nothing of CIBA; check the issuer, and whether CIBA is enabled there"
    : "the provider has no delivery modes in its metadata; ask it to publish backchannel_token_delivery_modes_supported"

/** Concerns requests with a user code, and clients that are registered for it. */
export const checkUserCode = (metadata: ProviderMetadata): Mismatch | undefined =>
  metadata.backchannel_user_code_parameter_supported === true
    ? undefined
    : error("userCodeParameter", "the provider does not support user codes", "user_code")

const isMismatch = (found: Mismatch | false | undefined) => found !== undefined && found !== false

const error = (parameter: string, problem: string, feature?: string): Mismatch => ({
  severity: "error",
  parameter,
  problem,
  feature
})

const warning = (parameter: string, problem: string): Mismatch => ({ severity: "warning", parameter, problem })

const checkEndpoints = (
  { deliveryMode, idTokenSignedResponseAlg: algorithm }: ClientRegistration.Service,
  metadata: ProviderMetadata
) => {
  const missing = (name: EndpointName, why: string) =>
    metadata[name] === undefined && error(name, `the provider publishes none, and ${why}; check the issuer`)
  return [
    !/^https:\/\//i.test(metadata.issuer) && error("issuer", "it is not https; providers are called over TLS only"),
    missing("backchannel_authentication_endpoint", "requests are sent there"),
    deliveryMode !== "push" && missing("token_endpoint", "tokens come from there"),
    !JwsAlgorithm.isSymmetric(algorithm) &&
      missing("jwks_uri", `ID Tokens signed with ${algorithm} are verified with its keys`)
  ]
}

const checkCapabilities = (
  { authentication, mutualTls, senderConstraint }: ClientRegistration.Service,
  metadata: ProviderMetadata
) => {
  const methods = metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"]
  const assertions = metadata.token_endpoint_auth_signing_alg_values_supported
  return [
    !methods.includes(authentication.method) &&
      error("authentication", `the provider accepts ${list(methods)}, and not ${authentication.method}`),
    mutualTls?.boundAccessTokens === true &&
      metadata.tls_client_certificate_bound_access_tokens !== true &&
      error("mutualTls", "the provider does not bind access tokens to certificates"),
    metadata.scopes_supported?.includes("openid") === false &&
      warning("scope", "the provider does not list the scope openid, which every request has"),
    senderConstraint.algorithm !== undefined &&
      metadata.dpop_signing_alg_values_supported === undefined &&
      warning("Dpop", "the provider does not say that it accepts DPoP proofs"),
    checkAlgorithm("authentication", authentication.algorithm, assertions, "accepts assertions signed with")
  ]
}

/** For the algorithm of each other kind of signed response: where the provider lists what it supports. */
const signedResponses = {
  userInfoSignedResponseAlg: ["userinfo_signing_alg_values_supported", "signs UserInfo responses with"],
  introspectionSignedResponseAlg: ["introspection_signing_alg_values_supported", "signs introspection responses with"]
} as const

const checkAlgorithm = (
  parameter: string,
  algorithm: string | undefined,
  supported: ReadonlyArray<string> | undefined,
  use: string,
  feature?: string
) =>
  algorithm !== undefined &&
  supported?.includes(algorithm) === false &&
  error(parameter, `the provider ${use} ${list(supported)}, and not ${algorithm}`, feature)

/** The same for what the provider signs: either name of one algorithm will do, since its tokens verify under both. */
const checkReceived = (...given: Parameters<typeof checkAlgorithm>) => {
  const [parameter, algorithm, supported] = given
  const isListed = supported?.some((name) => algorithm !== undefined && JwsAlgorithm.isSame(name, algorithm))
  const found = isListed !== true && checkAlgorithm(...given)
  return found && { ...found, problem: `${found.problem}; set ${parameter} to what the client is registered for` }
}

/** A key for HMAC has at least as many bits as the hash (RFC 7518 3.2). */
const checkSecretLength = ({
  authentication: { algorithm, secret },
  idTokenSignedResponseAlg
}: ClientRegistration.Service) => {
  const hmac = [algorithm, idTokenSignedResponseAlg].filter((used) => used?.startsWith("HS"))
  const bits = Math.max(0, ...hmac.map((used) => Number(used?.slice(2))))
  const length = secret === undefined ? bits : new TextEncoder().encode(Redacted.value(secret)).length * 8
  const problem = `the client secret has fewer than the ${bits} bits that its algorithm needs; ask for a longer one`
  return length < bits && warning("authentication", problem)
}

const list = (values: ReadonlyArray<string>): string =>
  sanitize(values.map((value) => sanitize(value, 40)).join(", ")) || "nothing"
