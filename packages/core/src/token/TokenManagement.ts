/**
 * A token management request: revocation or introspection. The client authenticates as at the token endpoint, at the
 * endpoint's mutual TLS alias if it uses mutual TLS; these endpoints take no DPoP proof.
 *
 * @see RFC 7009 section 2.1, RFC 7662 section 2.1, RFC 8705 section 5
 */
import { Effect, Redacted } from "effect"
import { HttpClientRequest, type HttpClientResponse } from "effect/http"
import type { ClientRegistration } from "../client/ClientRegistration.ts"
import { Transport } from "../http/Transport.ts"
import * as AuthenticatedRequest from "../provider/AuthenticatedRequest.ts"
import type { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import type { EndpointName } from "../provider/ProviderMetadata.ts"
import { fromTransportError, type TokenError } from "./TokenError.ts"
import * as TokenRequest from "./TokenRequest.ts"

/** What a request may carry besides the token. */
export interface Options extends Pick<TokenRequest.Options, "additionalParameters" | "headers"> {
  /** `access_token`, `refresh_token`, or a type of the provider's own. The provider may find the token sooner by it. */
  readonly tokenTypeHint?: string | undefined
}

/** Sends a request about a token to this endpoint of the configured provider, and gives the raw response. */
export const send = Effect.fnUntraced(function* (
  endpoint: Extract<EndpointName, "revocation_endpoint" | "introspection_endpoint">,
  mediaType: string,
  token: Redacted.Redacted<string>,
  { additionalParameters, headers, tokenTypeHint }: Options = {}
): Effect.fn.Return<
  HttpClientResponse.HttpClientResponse,
  TokenError | DiscoveryError,
  ClientRegistration | Discovery | Transport
> {
  const transport = yield* Transport
  const makeRequest = yield* AuthenticatedRequest.make(TokenRequest.toInvalidParameter)
  const own: TokenRequest.Parameters = [
    ["token", Redacted.value(token)],
    ...(tokenTypeHint === undefined ? [] : [["token_type_hint", tokenTypeHint] as const])
  ]
  const parameters = yield* TokenRequest.addParameters(own, additionalParameters)
  const request = yield* makeRequest(endpoint, { parameters, headers })
  return yield* Effect.mapError(transport.send(HttpClientRequest.accept(request, mediaType)), fromTransportError)
})
