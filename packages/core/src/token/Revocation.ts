/**
 * Ends a token before its time, whole (`revoke`) or in two halves (`request`, `process`).
 *
 * **Details**
 *
 * - 200 means that the token is good for nothing any more, whether the provider knew it or not.
 * - After a failure the token is still good. A 503 is an `TransportError` that may say when to try again.
 * - A provider that revokes a refresh token revokes its access tokens, too, or not, as it likes: revoke both.
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
 *       Layer.provide(
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
import { Context, Effect, Layer, type Redacted } from "effect"
import type { HttpClientResponse } from "effect/http"
import type { ClientRegistration } from "../client/ClientRegistration.ts"
import { Transport } from "../http/Transport.ts"
import type { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import { fromTransportError, type TokenError } from "./TokenError.ts"
import * as TokenManagement from "./TokenManagement.ts"
import { ensureSuccess } from "./TokenRequest.ts"

/** What goes with the token. */
export type Options = TokenManagement.Options

/** Revocation whole, and in its two halves. */
export interface Service {
  /** Sends the request and gives the raw response. */
  readonly request: TokenManagement.PresentToken
  /** Reads a response: done, or why not. */
  readonly process: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<void, TokenError>
  /** Sends and reads. */
  readonly revoke: (
    token: Redacted.Redacted<string>,
    options?: Options
  ) => Effect.Effect<void, TokenError | DiscoveryError>
}

/** The revocation endpoint. */
export class Revocation extends Context.Service<Revocation, Service>()("@effect-ciba/core/Revocation") {}

/** The endpoint of the provider at hand, asked as the client at hand. */
export const make: Effect.Effect<Service, never, ClientRegistration | Discovery | Transport> = Effect.gen(function* () {
  const transport = yield* Transport
  const request = yield* TokenManagement.make("revocation_endpoint", "application/json")

  const process: Service["process"] = (response) =>
    response.status === 200
      ? Effect.ignore(transport.text(response))
      : Effect.flatMap(Effect.mapError(transport.json(response), fromTransportError), (answer) =>
          ensureSuccess(answer, response.request)
        )

  return Revocation.of({
    request,
    process,
    revoke: (token, options) => Effect.flatMap(request(token, options), process)
  })
})

/** The endpoint as a layer. */
export const layer = (): Layer.Layer<Revocation, never, ClientRegistration | Discovery | Transport> =>
  Layer.effect(Revocation, make)

/** Sends the request and gives the raw response. */
export const request = (
  token: Redacted.Redacted<string>,
  options?: Options
): Effect.Effect<HttpClientResponse.HttpClientResponse, TokenError | DiscoveryError, Revocation> =>
  Revocation.use((revocation) => revocation.request(token, options))

/** Reads a response: done, or why not. */
export const process = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<void, TokenError, Revocation> =>
  Revocation.use((revocation) => revocation.process(response))

/** Has the provider revoke a token. */
export const revoke = (
  token: Redacted.Redacted<string>,
  options?: Options
): Effect.Effect<void, TokenError | DiscoveryError, Revocation> =>
  Revocation.use((revocation) => revocation.revoke(token, options))
