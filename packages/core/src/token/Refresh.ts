/**
 * The refresh token grant: new tokens for a refresh token, not verified yet.
 *
 * **When to use**
 *
 * - For a refresh token without its identity. With a `VerifiedIdentity`, use `FreshIdentity`: it verifies the new
 *   tokens, saves them, keeps the newest refresh token and never refreshes twice at once.
 * - `refresh` sends the request and reads the response; `request` and `process` are its halves, for a response that is
 *   inspected in between.
 *
 * **Details**
 *
 * - Clients of every delivery mode may use it: only the CIBA grant is closed to push clients (CIBA Core 11).
 *
 * **Example** (A refresh token that is not valid any more)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, Refresh } from "@effect-ciba/core"
 * import { ProviderScript, TestClient, TestProvider } from "@effect-ciba/testing"
 * import { Effect, Layer, Redacted } from "effect"
 *
 * const program = Refresh.refresh(Redacted.make("a-refresh-token"), { scope: ["openid"] }).pipe(
 *   Effect.as("refreshed"),
 *   Effect.catchReason("TokenError", "InvalidGrant", () => Effect.succeed("ask the end-user again"))
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
 * await Effect.runPromise(Effect.provide(program, CibaTest)) // => "ask the end-user again"
 * ```
 *
 * @see RFC 6749 section 6, OpenID Connect Core 12
 */
import { Effect, Redacted } from "effect"
import type { HttpClientResponse } from "effect/http"
import type { ClientRegistration } from "../client/ClientRegistration.ts"
import type { Transport } from "../http/Transport.ts"
import type { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import type { TokenError } from "./TokenError.ts"
import * as TokenRequest from "./TokenRequest.ts"
import * as TokenResponse from "./TokenResponse.ts"

/**
 * What a refresh request may carry besides the refresh token.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Options extends TokenRequest.Options {
  /** A part of the granted scope; all of it by default. */
  readonly scope?: ReadonlyArray<string> | undefined
}

/**
 * The services that a refresh needs; `Ciba.layer` provides them.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Requirements = ClientRegistration | Discovery | Transport

/**
 * Sends the token request and gives the raw response.
 *
 * @since 0.1.0
 * @stability stable
 */
export const request = (
  refreshToken: Redacted.Redacted<string>,
  options?: Options
): Effect.Effect<HttpClientResponse.HttpClientResponse, TokenError | DiscoveryError, Requirements> =>
  Effect.flatMap(tokens, ({ send }) => send(grant(refreshToken), options))

/**
 * Reads a raw response: tokens that are not verified yet.
 *
 * @since 0.1.0
 * @stability stable
 */
export const process = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<TokenResponse.RefreshResponse, TokenError, Requirements> =>
  Effect.flatMap(tokens, ({ read }) => read(response))

/**
 * Exchanges a refresh token for new tokens, which are not verified yet.
 *
 * @since 0.1.0
 * @stability stable
 */
export const refresh = (
  refreshToken: Redacted.Redacted<string>,
  options?: Options
): Effect.Effect<TokenResponse.RefreshResponse, TokenError | DiscoveryError, Requirements> =>
  Effect.flatMap(tokens, ({ exchange }) => exchange(grant(refreshToken), options))

const tokens = TokenRequest.make(TokenResponse.decodeRefresh)

const grant = (refreshToken: Redacted.Redacted<string>): TokenRequest.Parameters => [
  ["grant_type", "refresh_token"],
  ["refresh_token", Redacted.value(refreshToken)]
]
