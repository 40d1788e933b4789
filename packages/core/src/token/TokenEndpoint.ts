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

export type { Options } from "./TokenRequest.ts"

/** Why a redemption gave no tokens. */
export type RedeemError = TokenError | DiscoveryError

/** The endpoint whole, and in its two halves. */
export interface Service {
  /** Sends the token request and gives the raw response. */
  readonly backchannelAuthenticationGrantRequest: (
    authReqId: Redacted.Redacted<AuthReqId>,
    options?: TokenRequest.Options
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, RedeemError>
  /** Reads a response: tokens that are not verified yet, or why there are none. */
  readonly processBackchannelAuthenticationGrantResponse: (
    response: HttpClientResponse.HttpClientResponse
  ) => Effect.Effect<TokenResponse.TokenResponse, TokenError>
  /** Sends and reads. */
  readonly redeem: (
    authReqId: Redacted.Redacted<AuthReqId>,
    options?: TokenRequest.Options
  ) => Effect.Effect<TokenResponse.TokenResponse, RedeemError>
}

/** The token endpoint. */
export class TokenEndpoint extends Context.Service<TokenEndpoint, Service>()("@effect-ciba/core/TokenEndpoint") {}

/** The endpoint of the provider at hand, asked as the client at hand. */
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

/** The endpoint as a layer. */
export const layer = (): Layer.Layer<TokenEndpoint, never, ClientRegistration | Discovery | Transport> =>
  Layer.effect(TokenEndpoint, make)

/** Sends a token request and gives the raw response. */
export const backchannelAuthenticationGrantRequest = (
  authReqId: Redacted.Redacted<AuthReqId>,
  options?: TokenRequest.Options
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
  options?: TokenRequest.Options
): Effect.Effect<TokenResponse.TokenResponse, RedeemError, TokenEndpoint> =>
  TokenEndpoint.use((endpoint) => endpoint.redeem(authReqId, options))
