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
import type { Headers, HttpClientResponse } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import * as DeliveryMode from "../client/DeliveryMode.ts"
import * as OAuthError from "../client/OAuthError.ts"
import { fault, form, Transport } from "../client/Transport.ts"
import { Discovery } from "../discovery/Discovery.ts"
import type { DiscoveryError } from "../discovery/DiscoveryError.ts"
import * as ProviderMetadata from "../discovery/ProviderMetadata.ts"
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

export interface Service {
  /** Sends the token request and gives the raw response. */
  readonly backchannelAuthenticationGrantRequest: (
    authReqId: Redacted.Redacted<AuthReqId>,
    options?: Options
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, TokenError | DiscoveryError>
  /** Reads a response: tokens that are not verified yet, or why there are none. */
  readonly processBackchannelAuthenticationGrantResponse: (
    response: HttpClientResponse.HttpClientResponse
  ) => Effect.Effect<TokenResponse.TokenResponse, TokenError>
  /** Sends and reads. */
  readonly redeem: (
    authReqId: Redacted.Redacted<AuthReqId>,
    options?: Options
  ) => Effect.Effect<TokenResponse.TokenResponse, TokenError | DiscoveryError>
}

/** The token endpoint. */
export class TokenEndpoint extends Context.Service<TokenEndpoint, Service>()("@effect-ciba/core/token/TokenEndpoint") {}

/** The endpoint of the provider at hand, asked as the client at hand. */
export const make: Effect.Effect<Service, never, ClientRegistration | Discovery | Transport> = Effect.gen(function* () {
  const registration = yield* ClientRegistration
  const discovery = yield* Discovery
  const transport = yield* Transport

  const request: Service["backchannelAuthenticationGrantRequest"] = Effect.fnUntraced(function* (authReqId, options) {
    if (registration.deliveryMode === "push") {
      return yield* new TokenError({ reason: new PushDelivery() })
    }
    const metadata = yield* discovery.metadata
    const endpoint = yield* ProviderMetadata.endpoint(metadata, "token_endpoint")
    const credentials = yield* registration.authentication.credentials({
      clientId: registration.clientId,
      issuer: metadata.issuer,
      endpoint
    })
    const own = [
      ["grant_type", DeliveryMode.grantType],
      ["auth_req_id", Redacted.value(authReqId)],
      ...Redacted.value(credentials.parameters)
    ] as const
    const taken = new Set<string>(own.map(([name]) => name))
    const additional = options?.additionalParameters?.filter(([name]) => !taken.has(name)) ?? []
    return yield* Effect.mapError(
      transport.send(
        form(endpoint, [...own, ...additional], options?.headers ?? {}, Redacted.value(credentials.headers))
      ),
      (reason) => new TokenError({ reason })
    )
  })

  const process: Service["processBackchannelAuthenticationGrantResponse"] = Effect.fnUntraced(function* (response) {
    const answer = yield* Effect.mapError(transport.json(response), (reason) => new TokenError({ reason }))
    const error = OAuthError.fromAnswer(answer)
    if (Option.isSome(error)) return yield* fromOAuthError(error.value)
    if (answer.status !== 200) {
      const reason = fault("UnexpectedStatus", response.request, answer.status, answer.retryAfter)
      return yield* new TokenError({ reason })
    }
    return yield* Effect.mapError(
      TokenResponse.decode(answer.body, yield* Clock.currentTimeMillis),
      ({ message }) => new TokenError({ reason: new InvalidTokenResponse({ issues: message }) })
    )
  })

  return TokenEndpoint.of({
    backchannelAuthenticationGrantRequest: request,
    processBackchannelAuthenticationGrantResponse: process,
    redeem: (authReqId, options) => Effect.flatMap(request(authReqId, options), process)
  })
})

/** The endpoint as a layer. */
export const layer: Layer.Layer<TokenEndpoint, never, ClientRegistration | Discovery | Transport> = Layer.effect(
  TokenEndpoint,
  make
)
