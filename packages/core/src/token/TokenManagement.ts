/**
 * A token presented to an endpoint that deals with tokens: revocation or introspection. The client authenticates as at
 * the token endpoint, under the endpoint's alias where mutual TLS leads there; a DPoP proof is not for these endpoints.
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

/** What goes with the token. */
export interface Options extends Pick<TokenRequest.Options, "additionalParameters" | "headers"> {
  /** What the token is, so that the provider finds it sooner: `access_token`, `refresh_token`, or a kind of its own. */
  readonly tokenTypeHint?: string | undefined
}

/** Sends a token, and gives the raw response. */
export type PresentToken = (
  token: Redacted.Redacted<string>,
  options?: Options
) => Effect.Effect<HttpClientResponse.HttpClientResponse, TokenError | DiscoveryError>

/** Presents tokens to this endpoint of the provider at hand, and accepts this media type. */
export const make = Effect.fnUntraced(function* (
  endpoint: Extract<EndpointName, "revocation_endpoint" | "introspection_endpoint">,
  mediaType: string
): Effect.fn.Return<PresentToken, never, ClientRegistration | Discovery | Transport> {
  const transport = yield* Transport
  const authenticated = yield* AuthenticatedRequest.make

  return Effect.fnUntraced(function* (token, { additionalParameters, headers, tokenTypeHint } = {}) {
    const own: TokenRequest.Parameters = [
      ["token", Redacted.value(token)],
      ...(tokenTypeHint === undefined ? [] : [["token_type_hint", tokenTypeHint] as const])
    ]
    const parameters = yield* TokenRequest.addParameters(own, additionalParameters)
    const request = yield* authenticated(endpoint, { parameters, headers })
    return yield* Effect.mapError(transport.send(HttpClientRequest.accept(request, mediaType)), fromTransportError)
  })
})
