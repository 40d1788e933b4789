/**
 * A request to the token endpoint, whatever the grant: fresh credentials and fresh proof for each attempt, a demanded
 * nonce answered at once, and errors in the endpoint's own words.
 */
import { Effect, Option, Redacted } from "effect"
import type { Headers, HttpClientRequest, HttpClientResponse } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import type { HttpFault } from "../client/HttpFault.ts"
import * as OAuthError from "../client/OAuthError.ts"
import { type Answer, fault, Transport } from "../client/Transport.ts"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import * as AuthenticatedRequest from "../discovery/AuthenticatedRequest.ts"
import type { Discovery } from "../discovery/Discovery.ts"
import type { DiscoveryError } from "../discovery/DiscoveryError.ts"
import * as AuthorizationDetails from "../request/AuthorizationDetails.ts"
import * as RequestParameters from "../request/RequestParameters.ts"
import * as ResourceIndicator from "../request/ResourceIndicator.ts"
import { fromOAuthError, InvalidTokenResponse, TokenError } from "./TokenError.ts"
import * as TokenResponse from "./TokenResponse.ts"

/** What a token request may carry beyond what the grant needs. */
export interface Options {
  /** Those of the granted details that the token is for (RFC 9396 6); all of them by default. */
  readonly authorizationDetails?: AuthorizationDetails.AuthorizationDetails | undefined
  /** Those of the granted resources where the token is to be used (RFC 8707 2.2). */
  readonly resource?: ResourceIndicator.ResourceIndicator | undefined
  /** Further form parameters; none may take the place of the library's own. */
  readonly additionalParameters?: ReadonlyArray<readonly [name: string, value: string]> | undefined
  /** Further headers. */
  readonly headers?: Headers.Input | undefined
  /** The key to prove possession of, where it is not the one of `Dpop.layer`. */
  readonly proofKey?: Redacted.Redacted<JsonWebKey> | undefined
}

/** Requests to the token endpoint. */
export interface TokenRequest {
  /** Sends the parameters of a grant, and gives the raw response. */
  readonly send: (
    grant: Grant,
    options?: Options
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, TokenError | DiscoveryError>
  /** Reads a response: tokens that are not verified yet, or why there are none. */
  readonly read: (
    response: HttpClientResponse.HttpClientResponse
  ) => Effect.Effect<TokenResponse.TokenResponse, TokenError>
  /** Sends and reads: one call, with one time limit. */
  readonly exchange: (
    grant: Grant,
    options?: Options
  ) => Effect.Effect<TokenResponse.TokenResponse, TokenError | DiscoveryError>
}

/** A grant's own parameters. */
export type Grant = ReadonlyArray<readonly [name: string, value: string]>

/** Requests as the client at hand, to the provider at hand. */
export const make: Effect.Effect<TokenRequest, never, ClientRegistration | Discovery | Transport> = Effect.gen(
  function* () {
    const { senderConstraint } = yield* ClientRegistration
    const transport = yield* Transport
    const authenticated = yield* AuthenticatedRequest.make
    const nonceRetries = senderConstraint.tokenType === "DPoP" ? 2 : 0

    const request = Effect.fnUntraced(function* (
      grant: Grant,
      { additionalParameters = [], authorizationDetails, headers, proofKey, resource }: Options = {}
    ): Effect.fn.Return<HttpClientRequest.HttpClientRequest, TokenError | DiscoveryError> {
      const own = [
        ...grant,
        ...RequestParameters.present("authorization_details", authorizationDetails),
        ...ResourceIndicator.parameters(resource)
      ]
      const wrong = RequestParameters.invalid([
        ["authorization_details", authorizationDetails && AuthorizationDetails.problem(authorizationDetails)],
        ["resource", ResourceIndicator.problem(resource)],
        ...additionalParameters.map(([name]) => [name, takenProblem(name, own)] as const),
        ...RequestParameters.textProblems([...own, ...additionalParameters])
      ])
      if (wrong !== undefined) return yield* new TokenError({ reason: wrong })
      return yield* authenticated("token_endpoint", {
        parameters: [...RequestParameters.form(own), ...additionalParameters],
        headers,
        constraint:
          proofKey === undefined
            ? senderConstraint
            : yield* Effect.mapError(senderConstraint.withKey(proofKey), (reason) => new TokenError({ reason }))
      })
    })

    return {
      send: (grant, options) =>
        Effect.flatMap(request(grant, options), (built) => Effect.mapError(transport.send(built), faulty)),
      read: (response) => Effect.flatMap(Effect.mapError(transport.json(response), faulty), tokens),
      exchange: (grant, options) =>
        request(grant, options).pipe(
          Effect.flatMap((built) => Effect.mapError(transport.exchange(built), faulty)),
          Effect.flatMap(tokens),
          Effect.retry({ times: nonceRetries, while: ({ reason }) => reason._tag === "UseDpopNonce" })
        )
    }
  }
)

/** Reads a response that came before, or that was pushed: tokens that are not verified yet, or why there are none. */
export const readReceived = Effect.fnUntraced(function* (
  received: TokenResponse.Received
): Effect.fn.Return<TokenResponse.TokenResponse, TokenError> {
  const error = OAuthError.fromAnswer({ status: 200, body: Redacted.value(received.body), retryAfter: undefined })
  return yield* Option.match(error, {
    onNone: () => accepted(received),
    onSome: (found) => Effect.fail(fromOAuthError(found))
  })
})

const accepted = (received: TokenResponse.Received): Effect.Effect<TokenResponse.TokenResponse, TokenError> =>
  Effect.mapError(
    TokenResponse.decode(received),
    ({ message }) => new TokenError({ reason: new InvalidTokenResponse({ issues: message }) })
  )

const takenProblem = (name: string, own: ReadonlyArray<RequestParameters.Parameter>): string | undefined =>
  ownNames.has(name) || own.some(([taken]) => taken === name) ? "the library sets it; take it out" : undefined

const ownNames = new Set(["client_id", "client_secret", "client_assertion", "client_assertion_type"])

const faulty = (reason: HttpFault): TokenError => new TokenError({ reason })

const tokens = Effect.fnUntraced(function* (answer: Answer): Effect.fn.Return<TokenResponse.TokenResponse, TokenError> {
  const error = OAuthError.fromAnswer(answer)
  if (Option.isSome(error)) return yield* fromOAuthError(error.value)
  if (answer.status !== 200) {
    return yield* faulty(fault("UnexpectedStatus", answer, answer.status, answer.retryAfter))
  }
  return yield* accepted(yield* TokenResponse.received(answer.body))
})
