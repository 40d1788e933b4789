/**
 * The token request of the CIBA grant: exchanges an `auth_req_id` for tokens, which are not verified yet. And that of the client
 * credentials grant: a token for the client itself.
 *
 * **When to use**
 *
 * - For a single token request. `Poll` waits for the end-user: it keeps the interval and retries after transport
 *   errors.
 * - `redeem` sends the request and reads the response. The service has both halves,
 *   `backchannelAuthenticationGrantRequest` and `processBackchannelAuthenticationGrantResponse`, for a response that is
 *   inspected in between.
 * - `requestClientToken` is for an API of the provider that prepares an authentication: Open Finance Brasil creates a consent
 *   with such a token. It says nothing about an end-user, and any client over `Ciba.layer` can request one.
 *
 * **Details**
 *
 * - Every request has a fresh client assertion and a fresh DPoP proof. If the provider demands a nonce, `redeem`
 *   repeats the request, twice at most.
 * - A push client sends nothing: its tokens come with the notification (CIBA Core 11).
 *
 * **Gotchas**
 *
 * - Never send two requests at once for one `auth_req_id`, and none after a success (CIBA Core 10.1).
 *
 * **Example** (One poll)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, TokenEndpoint, UserHint } from "@effect-ciba/core"
 * import { TestClient, TestProvider } from "@effect-ciba/testing"
 * import { Effect, Layer } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const { authReqId } = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
 *   return yield* TokenEndpoint.redeem(authReqId)
 * }).pipe(
 *   Effect.as("approved"),
 *   Effect.catchReason("TokenError", "AuthorizationPending", () => Effect.succeed("pending"))
 * )
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(Layer.provide(TestProvider.layer()))
 *
 * await Effect.runPromise(Effect.provide(program, CibaTest)) // => "pending"
 * ```
 *
 * **Example** (A consent before the authentication)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, Discovery, ProtectedResource, TokenEndpoint } from "@effect-ciba/core"
 * import { Effect, Layer, Redacted } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 *
 * const server = HttpClient.make((request, url) =>
 *   Effect.succeed(
 *     HttpClientResponse.fromWeb(
 *       request,
 *       url.pathname === "/token"
 *         ? Response.json({ access_token: "a-token", token_type: "Bearer", expires_in: 300, scope: "consents" })
 *         : Response.json({ consentId: "urn:bank:1" }, { status: 201 })
 *     )
 *   )
 * )
 *
 * const program = Effect.gen(function* () {
 *   const token = yield* TokenEndpoint.requestClientToken({ scope: ["consents"] })
 *   const client = yield* ProtectedResource.make(token)
 *   const consent = yield* client.post("https://api.example.com/consents")
 *   return [token.scope, consent.status]
 * })
 *
 * const BankLive = Ciba.layerNoDiscovery({
 *   clientId: "bank-app",
 *   authentication: ClientAuthentication.clientSecretBasic(Redacted.make("a secret"))
 * }).pipe(
 *   Layer.provideMerge(
 *     Discovery.layerStatic({ issuer: "https://op.example.com", token_endpoint: "https://op.example.com/token" })
 *   ),
 *   Layer.provide(Layer.succeed(HttpClient.HttpClient, server))
 * )
 *
 * await Effect.runPromise(Effect.provide(program, BankLive)) // => [["consents"], 201]
 * ```
 *
 * @see CIBA Core 1.0 sections 10.1 and 11, RFC 6749 section 4.4
 */
import { Context, Effect, Layer, Redacted } from "effect"
import type { HttpClientResponse } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import * as DeliveryMode from "../client/DeliveryMode.ts"
import type { Transport } from "../http/Transport.ts"
import type { AuthReqId } from "../pending/PendingAuthentication.ts"
import type { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import { PushDelivery, TokenError } from "./TokenError.ts"
import * as TokenRequest from "./TokenRequest.ts"
import * as TokenResponse from "./TokenResponse.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export { ClientToken, type ClientTokenOptions, requestClientToken } from "./ClientCredentials.ts"
/**
 * @since 0.1.0
 * @stability unstable
 */
export type { Options } from "./TokenRequest.ts"

/**
 * Why a token request gives no tokens.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type RedeemError = TokenError | DiscoveryError

/**
 * The token request and response: together, and in two halves.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /** Sends the token request and gives the raw response. */
  readonly backchannelAuthenticationGrantRequest: (
    authReqId: Redacted.Redacted<AuthReqId>,
    options?: TokenRequest.Options
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, RedeemError>
  /** Reads a raw response: tokens that are not verified yet. */
  readonly processBackchannelAuthenticationGrantResponse: (
    response: HttpClientResponse.HttpClientResponse
  ) => Effect.Effect<TokenResponse.TokenResponse, TokenError>
  /** Exchanges an `auth_req_id` for tokens, which are not verified yet. */
  readonly redeem: (
    authReqId: Redacted.Redacted<AuthReqId>,
    options?: TokenRequest.Options
  ) => Effect.Effect<TokenResponse.TokenResponse, RedeemError>
}

/**
 * The token endpoint of a provider.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class TokenEndpoint extends Context.Service<TokenEndpoint, Service>()("@effect-ciba/core/TokenEndpoint") {}

/**
 * The endpoint of the configured provider, for the configured client.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make: Effect.Effect<Service, never, ClientRegistration | Discovery | Transport> = Effect.gen(function* () {
  const { deliveryMode } = yield* ClientRegistration
  const token = yield* TokenRequest.make(TokenResponse.decode)

  const grant = (authReqId: Redacted.Redacted<AuthReqId>): Effect.Effect<TokenRequest.Parameters, TokenError> =>
    deliveryMode === "push"
      ? Effect.fail(new TokenError({ reason: new PushDelivery() }))
      : Effect.succeed([
          ["grant_type", DeliveryMode.grantType],
          ["auth_req_id", Redacted.value(authReqId)]
        ])

  return TokenEndpoint.of({
    backchannelAuthenticationGrantRequest: (authReqId, options) =>
      Effect.flatMap(grant(authReqId), (parameters) => token.send(parameters, options)),
    processBackchannelAuthenticationGrantResponse: token.read,
    redeem: (authReqId, options) =>
      Effect.flatMap(grant(authReqId), (parameters) => token.exchange(parameters, options))
  })
})

/**
 * Provides `TokenEndpoint` for the registration and the provider in the context.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (): Layer.Layer<TokenEndpoint, never, ClientRegistration | Discovery | Transport> =>
  Layer.effect(TokenEndpoint, make)

/**
 * Exchanges an `auth_req_id` for tokens, which are not verified yet.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const redeem = (
  authReqId: Redacted.Redacted<AuthReqId>,
  options?: TokenRequest.Options
): Effect.Effect<TokenResponse.TokenResponse, RedeemError, TokenEndpoint> =>
  TokenEndpoint.use((endpoint) => endpoint.redeem(authReqId, options))
