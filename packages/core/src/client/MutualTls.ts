/**
 * Mutual TLS (RFC 8705): access tokens bound to the client's certificate, and the endpoints for connections with one.
 *
 * **When to use**
 *
 * Set `mutualTls` if the client is registered with `tls_client_certificate_bound_access_tokens`, or authenticates in another
 * way and is to call the provider's mutual TLS aliases.
 *
 * **Details**
 *
 * - The certificate itself belongs to the `HttpClient`: `NodeTls` on Node.js, `FetchHttpClient.RequestInit` if fetch takes one
 *   in its options (Bun, Deno, Workers).
 * - If the provider publishes an alias of an endpoint (`mtls_endpoint_aliases`), the alias is called.
 * - `ClientAuthentication.tlsClientAuth` and `selfSignedTlsClientAuth` call the aliases without this option.
 *
 * **Example** (Certificate-bound tokens for a client that signs its assertions)
 *
 * ```ts
 * import { ClientAuthentication, ClientRegistration, MutualTls, SigningKey } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const registration = ClientRegistration.make({
 *   clientId: "bank-app",
 *   authentication: ClientAuthentication.privateKeyJwt(SigningKey.generate("ES256")),
 *   mutualTls: MutualTls.make()
 * })
 *
 * const { mutualTls } = await Effect.runPromise(registration)
 * mutualTls?.boundAccessTokens // => true
 * ```
 *
 * @see RFC 8705 sections 3 and 5
 */
import { Predicate } from "effect"

/**
 * The registered use of the certificate.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Options {
  /** The registered `tls_client_certificate_bound_access_tokens`; `true` by default. */
  readonly boundAccessTokens?: boolean | undefined
  /** Whether `mtls_endpoint_aliases` are called (FAPI 2.0 5.2.2.1.1); `true` by default. */
  readonly useEndpointAliases?: boolean | undefined
}

/**
 * The use of the certificate, with its defaults.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface MutualTls {
  readonly boundAccessTokens: boolean
  /** The URL of an endpoint for connections with a certificate, if the metadata has one. */
  readonly alias: (metadata: Readonly<Record<string, unknown>>, endpoint: string) => string | undefined
}

/**
 * The registered use of the certificate; by default access tokens are bound to it and aliases are called.
 *
 * @since 0.1.0
 * @stability stable
 */
export const make = (options?: Options): MutualTls => ({
  boundAccessTokens: options?.boundAccessTokens ?? true,
  alias: options?.useEndpointAliases === false ? () => undefined : findAlias
})

const findAlias: MutualTls["alias"] = ({ mtls_endpoint_aliases: aliases }, endpoint) => {
  const alias = Predicate.hasProperty(aliases, endpoint) ? aliases[endpoint] : undefined
  return typeof alias === "string" ? alias.trim() || undefined : undefined
}
