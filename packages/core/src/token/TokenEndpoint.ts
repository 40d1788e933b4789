/**
 * The token request of the CIBA grant, whole (`redeem`) or in its two halves
 * (`backchannelAuthenticationGrantRequest`, `processBackchannelAuthenticationGrantResponse`). One call is one poll: the
 * wait that keeps the interval and rides out faults is `Poll`.
 *
 * **Gotchas**
 *
 * - Never have two requests under way with one `auth_req_id`, and never send it again after a success (CIBA Core 10.1).
 *
 * @see CIBA Core 1.0 sections 10.1 and 11
 */
import { Clock, Context, Effect, Layer, Option, Redacted } from "effect"
import type { Headers, HttpClientRequest, HttpClientResponse } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import * as DeliveryMode from "../client/DeliveryMode.ts"
import type { HttpFault } from "../client/HttpFault.ts"
import * as OAuthError from "../client/OAuthError.ts"
import { SenderConstraint } from "../client/SenderConstraint.ts"
import { type Answer, fault, Transport } from "../client/Transport.ts"
import * as AuthenticatedRequest from "../discovery/AuthenticatedRequest.ts"
import type { Discovery } from "../discovery/Discovery.ts"
import type { DiscoveryError } from "../discovery/DiscoveryError.ts"
import type { AuthReqId } from "../request/PendingAuthentication.ts"
import { fromOAuthError, InvalidTokenResponse, PushDelivery, TokenError } from "./TokenError.ts"
import * as TokenResponse from "./TokenResponse.ts"

/** What a token request may carry beyond what the grant needs. */
export interface Options {
  /** Further form parameters; none may take the place of the grant's own. */
  readonly additionalParameters?: ReadonlyArray<readonly [name: string, value: string]> | undefined
  /** Further headers. */
  readonly headers?: Headers.Input | undefined
}

/** Why a redemption gave no tokens. */
export type RedeemError = TokenError | DiscoveryError

/** The endpoint whole, and in its two halves. */
export interface Service {
  /** Sends the token request and gives the raw response. */
  readonly backchannelAuthenticationGrantRequest: (
    authReqId: Redacted.Redacted<AuthReqId>,
    options?: Options
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, RedeemError>
  /** Reads a response: tokens that are not verified yet, or why there are none. */
  readonly processBackchannelAuthenticationGrantResponse: (
    response: HttpClientResponse.HttpClientResponse
  ) => Effect.Effect<TokenResponse.TokenResponse, TokenError>
  /** Sends and reads. */
  readonly redeem: (
    authReqId: Redacted.Redacted<AuthReqId>,
    options?: Options
  ) => Effect.Effect<TokenResponse.TokenResponse, RedeemError>
}

/** The token endpoint. */
export class TokenEndpoint extends Context.Service<TokenEndpoint, Service>()("@effect-ciba/core/token/TokenEndpoint") {}

/** The endpoint of the provider at hand, asked as the client at hand. */
export const make: Effect.Effect<Service, never, ClientRegistration | Discovery | Transport> = Effect.gen(function* () {
  const { deliveryMode } = yield* ClientRegistration
  const transport = yield* Transport
  const authenticated = yield* AuthenticatedRequest.make
  const constraint = yield* SenderConstraint
  const nonceRetries = constraint.tokenType === "DPoP" ? 2 : 0

  const grant = Effect.fnUntraced(function* (
    authReqId: Redacted.Redacted<AuthReqId>,
    options: Options = {}
  ): Effect.fn.Return<HttpClientRequest.HttpClientRequest, RedeemError> {
    if (deliveryMode === "push") return yield* new TokenError({ reason: new PushDelivery() })
    const additional = options.additionalParameters?.filter(([name]) => !reserved.has(name)) ?? []
    return yield* authenticated("token_endpoint", {
      parameters: [["grant_type", DeliveryMode.grantType], ["auth_req_id", Redacted.value(authReqId)], ...additional],
      headers: options.headers,
      proved: true
    })
  })

  return TokenEndpoint.of({
    backchannelAuthenticationGrantRequest: (authReqId, options) =>
      Effect.flatMap(grant(authReqId, options), (request) => Effect.mapError(transport.send(request), faulty)),
    processBackchannelAuthenticationGrantResponse: (response) =>
      Effect.flatMap(Effect.mapError(transport.json(response), faulty), tokens),
    redeem: (authReqId, options) =>
      grant(authReqId, options).pipe(
        Effect.flatMap((request) => Effect.mapError(transport.exchange(request), faulty)),
        Effect.flatMap(tokens),
        Effect.retry({ times: nonceRetries, while: ({ reason }) => reason._tag === "UseDpopNonce" })
      )
  })
})

/** The endpoint as a layer. */
export const layer: Layer.Layer<TokenEndpoint, never, ClientRegistration | Discovery | Transport> = Layer.effect(
  TokenEndpoint,
  make
)

/** Sends a token request and gives the raw response. */
export const backchannelAuthenticationGrantRequest = (
  authReqId: Redacted.Redacted<AuthReqId>,
  options?: Options
): Effect.Effect<HttpClientResponse.HttpClientResponse, RedeemError, TokenEndpoint> =>
  TokenEndpoint.use((endpoint) => endpoint.backchannelAuthenticationGrantRequest(authReqId, options))

/** Reads a response: tokens that are not verified yet, or why there are none. */
export const processBackchannelAuthenticationGrantResponse = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<TokenResponse.TokenResponse, TokenError, TokenEndpoint> =>
  TokenEndpoint.use((endpoint) => endpoint.processBackchannelAuthenticationGrantResponse(response))

/** Sends a token request and reads the response. */
export const redeem = (
  authReqId: Redacted.Redacted<AuthReqId>,
  options?: Options
): Effect.Effect<TokenResponse.TokenResponse, RedeemError, TokenEndpoint> =>
  TokenEndpoint.use((endpoint) => endpoint.redeem(authReqId, options))

const reserved = new Set([
  "grant_type",
  "auth_req_id",
  "client_id",
  "client_secret",
  "client_assertion",
  "client_assertion_type"
])

const faulty = (reason: HttpFault): TokenError => new TokenError({ reason })

const tokens = Effect.fnUntraced(function* (answer: Answer): Effect.fn.Return<TokenResponse.TokenResponse, TokenError> {
  const error = OAuthError.fromAnswer(answer)
  if (Option.isSome(error)) return yield* fromOAuthError(error.value)
  if (answer.status !== 200) {
    return yield* faulty(fault("UnexpectedStatus", answer, answer.status, answer.retryAfter))
  }
  return yield* Effect.mapError(
    TokenResponse.decode(answer.body, yield* Clock.currentTimeMillis),
    ({ message }) => new TokenError({ reason: new InvalidTokenResponse({ issues: message }) })
  )
})
