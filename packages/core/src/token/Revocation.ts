/**
 * The revocation endpoint: invalidates an access token or a refresh token before it expires.
 *
 * **When to use**
 *
 * - When the end-user signs out, or the tokens are no longer needed.
 * - `revoke` sends the request and reads the response; `request` and `process` are its halves, for a response that is
 *   inspected in between.
 *
 * **Details**
 *
 * - Success means that the token is not valid any more, whether or not the provider knew it.
 * - After a failure the token is still valid. For a 503, the `TransportError` has the `retryAfter` of the response.
 *
 * **Gotchas**
 *
 * - A provider that revokes a refresh token may leave its access tokens valid: revoke both.
 *
 * **Example** (Signing out)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, Discovery, Revocation } from "@effect-ciba/core"
 * import { Effect, Layer, Redacted } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 *
 * const provider = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 200 })))
 * )
 *
 * const program = Revocation.revoke(Redacted.make("a-refresh-token"), { tokenTypeHint: "refresh_token" }).pipe(
 *   Effect.as("revoked"),
 *   Effect.provide(
 *     Ciba.layerNoDiscovery({ clientId: "bank-app", authentication: ClientAuthentication.none }).pipe(
 *       Layer.provide(Layer.succeed(HttpClient.HttpClient, provider)),
 *       Layer.provideMerge(
 *         Discovery.layerStatic({
 *           issuer: "https://op.example.com",
 *           revocation_endpoint: "https://op.example.com/revoke"
 *         })
 *       )
 *     )
 *   )
 * )
 *
 * await Effect.runPromise(program) // => "revoked"
 * ```
 *
 * @see RFC 7009
 */
import { Effect, type Redacted } from "effect"
import type { HttpClientResponse } from "effect/http"
import type { ClientRegistration } from "../client/ClientRegistration.ts"
import { Transport } from "../http/Transport.ts"
import type { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import type { TokenError } from "./TokenError.ts"
import * as TokenManagement from "./TokenManagement.ts"
import { readSuccess } from "./TokenRequest.ts"

/**
 * What a request may carry besides the token.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Options = TokenManagement.Options

/**
 * The services that a revocation needs; `Ciba.layer` provides them.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Requirements = ClientRegistration | Discovery | Transport

/**
 * Sends the request and gives the raw response.
 *
 * @since 0.1.0
 * @stability stable
 */
export const request = (
  token: Redacted.Redacted<string>,
  options?: Options
): Effect.Effect<HttpClientResponse.HttpClientResponse, TokenError | DiscoveryError, Requirements> =>
  TokenManagement.send("revocation_endpoint", "application/json", token, options)

/**
 * Reads a raw response; fails unless the token is revoked.
 *
 * @since 0.1.0
 * @stability stable
 */
export const process = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<void, TokenError, Transport> =>
  Transport.use((transport) =>
    [200, 204].includes(response.status)
      ? Effect.ignore(transport.text(response))
      : Effect.asVoid(readSuccess(transport, response))
  )

/**
 * Revokes a token.
 *
 * @since 0.1.0
 * @stability stable
 */
export const revoke = (
  token: Redacted.Redacted<string>,
  options?: Options
): Effect.Effect<void, TokenError | DiscoveryError, Requirements> => Effect.flatMap(request(token, options), process)
