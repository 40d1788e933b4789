/**
 * The refresh token grant, whole (`refresh`) or in its two halves (`request`, `process`). `FreshIdentity` does what
 * comes with it: it verifies, saves, keeps the newest refresh token, and lets nobody refresh twice at once.
 *
 * **Details**
 *
 * - It is open to clients of every delivery mode: only the CIBA grant is barred to push clients (CIBA Core 11).
 * - `resource`, `authorization_details` and the like go into `additionalParameters`.
 *
 * **Example** (A refresh token of another session)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, Refresh } from "@effect-ciba/core"
 * import { ProviderScript, TestClient, TestProvider } from "@effect-ciba/testing"
 * import { Effect, Layer, Redacted } from "effect"
 *
 * const program = Refresh.refresh(Redacted.make("a-refresh-token"), { scope: ["openid"] }).pipe(
 *   Effect.as("refreshed"),
 *   Effect.catchReason("TokenError", "InvalidGrant", () => Effect.succeed("ask the person again"))
 * )
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(
 *   Layer.provide(
 *     TestProvider.layer({ tokenScript: ProviderScript.make([ProviderScript.error("invalid_grant")]) })
 *   )
 * )
 *
 * await Effect.runPromise(Effect.provide(program, CibaTest)) // => "ask the person again"
 * ```
 *
 * @see RFC 6749 section 6, OpenID Connect Core 12
 */
import { Context, Effect, Layer, Redacted } from "effect"
import type { HttpClientResponse } from "effect/http"
import type { ClientRegistration } from "../client/ClientRegistration.ts"
import type { Transport } from "../http/Transport.ts"
import type { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import type { TokenError } from "./TokenError.ts"
import * as TokenRequest from "./TokenRequest.ts"
import * as TokenResponse from "./TokenResponse.ts"

/** What a refresh may ask for. */
export interface Options extends TokenRequest.Options {
  /** A part of the granted scope; all of it by default. */
  readonly scope?: ReadonlyArray<string> | undefined
}

/** The grant whole, and in its two halves. */
export interface Service {
  /** Sends the token request and gives the raw response. */
  readonly request: (
    refreshToken: Redacted.Redacted<string>,
    options?: Options
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, TokenError | DiscoveryError>
  /** Reads a response: tokens that are not verified yet, or why there are none. */
  readonly process: (
    response: HttpClientResponse.HttpClientResponse
  ) => Effect.Effect<TokenResponse.RefreshResponse, TokenError>
  /** Sends and reads. */
  readonly refresh: (
    refreshToken: Redacted.Redacted<string>,
    options?: Options
  ) => Effect.Effect<TokenResponse.RefreshResponse, TokenError | DiscoveryError>
}

/** The refresh token grant. */
export class Refresh extends Context.Service<Refresh, Service>()("@effect-ciba/core/Refresh") {}

/** The grant at the provider at hand, as the client at hand. */
export const make: Effect.Effect<Service, never, ClientRegistration | Discovery | Transport> = Effect.gen(function* () {
  const token = yield* TokenRequest.make(TokenResponse.decodeRefresh)
  return Refresh.of({
    request: (refreshToken, options) => token.send(grant(refreshToken, options?.scope), options),
    process: token.read,
    refresh: (refreshToken, options) => token.exchange(grant(refreshToken, options?.scope), options)
  })
})

/** The grant as a layer. */
export const layer = (): Layer.Layer<Refresh, never, ClientRegistration | Discovery | Transport> =>
  Layer.effect(Refresh, make)

/** Sends the token request and gives the raw response. */
export const request = (
  refreshToken: Redacted.Redacted<string>,
  options?: Options
): Effect.Effect<HttpClientResponse.HttpClientResponse, TokenError | DiscoveryError, Refresh> =>
  Refresh.use((service) => service.request(refreshToken, options))

/** Reads a response: tokens that are not verified yet, or why there are none. */
export const process = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<TokenResponse.RefreshResponse, TokenError, Refresh> =>
  Refresh.use((service) => service.process(response))

/** Sends a token request and reads the response. */
export const refresh = (
  refreshToken: Redacted.Redacted<string>,
  options?: Options
): Effect.Effect<TokenResponse.RefreshResponse, TokenError | DiscoveryError, Refresh> =>
  Refresh.use((service) => service.refresh(refreshToken, options))

const grant = (refreshToken: Redacted.Redacted<string>, scope: ReadonlyArray<string> = []): TokenRequest.Parameters => [
  ["grant_type", "refresh_token"],
  ["refresh_token", Redacted.value(refreshToken)],
  ...(scope.length === 0 ? [] : [["scope", scope.join(" ")] as const])
]
