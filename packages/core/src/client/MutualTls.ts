/**
 * What a client's certificate means besides the connection: tokens that are bound to it, and endpoints of their own.
 *
 * **Details**
 *
 * - The certificate itself belongs to the `HttpClient`: `NodeTls` on Node.js; where fetch takes one in its options (Bun,
 *   Deno, Workers), `FetchHttpClient.RequestInit`.
 * - A provider may publish other URLs for connections with certificates (`mtls_endpoint_aliases`). Each one that is
 *   published is called, and the endpoint itself where none is.
 * - `ClientAuthentication.tlsClientAuth` and `.selfSignedTlsClientAuth` call the aliases by themselves.
 *
 * **Example** (Bound tokens for a client that signs its assertions)
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

/** What the client and the provider agreed on. */
export interface Options {
  /** The registered `tls_client_certificate_bound_access_tokens`; `true` by default. */
  readonly boundAccessTokens?: boolean | undefined
  /** Whether the provider's aliases are called (FAPI 2.0 5.2.2.1.1); `true` by default. */
  readonly useEndpointAliases?: boolean | undefined
}

/** Mutual TLS as the registration has it. */
export interface MutualTls {
  readonly boundAccessTokens: boolean
  /** The alias of an endpoint, where the provider publishes one and the client is to call it. */
  readonly alias: (metadata: Readonly<Record<string, unknown>>, endpoint: string) => string | undefined
}

/** Mutual TLS with its defaults. */
export const make = (options?: Options): MutualTls => ({
  boundAccessTokens: options?.boundAccessTokens ?? true,
  alias: options?.useEndpointAliases === false ? () => undefined : published
})

const published: MutualTls["alias"] = ({ mtls_endpoint_aliases: aliases }, endpoint) => {
  const alias = Predicate.hasProperty(aliases, endpoint) ? aliases[endpoint] : undefined
  return typeof alias === "string" ? alias : undefined
}
