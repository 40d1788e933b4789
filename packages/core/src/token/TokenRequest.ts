/**
 * A request to the token endpoint, whatever the grant: fresh credentials and fresh proof for each attempt, a demanded
 * nonce answered at once, and errors in the endpoint's own words.
 */
import { Clock, Effect, Option, type Redacted, type Schema } from "effect"
import type { Headers, HttpClientRequest, HttpClientResponse } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import * as OAuthError from "../client/OAuthError.ts"
import { type Answer, fault, Transport } from "../client/Transport.ts"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import * as AuthenticatedRequest from "../discovery/AuthenticatedRequest.ts"
import type { Discovery } from "../discovery/Discovery.ts"
import type { DiscoveryError } from "../discovery/DiscoveryError.ts"
import { InvalidParameter } from "../request/AuthenticationRequestError.ts"
import { fromFault, fromOAuthError, InvalidTokenResponse, TokenError } from "./TokenError.ts"

/** What a token request may carry beyond what the grant needs. */
export interface Options {
  /** Further form parameters; none may take the place of the grant's own. */
  readonly additionalParameters?: Parameters | undefined
  /** Further headers. */
  readonly headers?: Headers.Input | undefined
  /** The key to prove possession of, where it is not the one of `Dpop.layer`. */
  readonly proofKey?: Redacted.Redacted<JsonWebKey> | undefined
}

/** Requests to the token endpoint, and responses as `A`. */
export interface TokenRequest<A> {
  /** Sends the parameters of a grant, and gives the raw response. */
  readonly send: (
    grant: Parameters,
    options?: Options
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, TokenError | DiscoveryError>
  /** Reads a response: tokens that are not verified yet, or why there are none. */
  readonly read: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, TokenError>
  /** Sends and reads: one call, with one time limit. */
  readonly exchange: (grant: Parameters, options?: Options) => Effect.Effect<A, TokenError | DiscoveryError>
}

/** Form parameters in the order in which they are sent. */
export type Parameters = ReadonlyArray<readonly [name: string, value: string]>

/** How a grant's success is read; `receivedAt` in milliseconds since the epoch. */
export type Decode<A> = (body: unknown, receivedAt: number) => Effect.Effect<A, Schema.SchemaError>

/** Requests as the client at hand, to the provider at hand. */
export const make = Effect.fnUntraced(function* <A>(
  decode: Decode<A>
): Effect.fn.Return<TokenRequest<A>, never, ClientRegistration | Discovery | Transport> {
  const { senderConstraint } = yield* ClientRegistration
  const transport = yield* Transport
  const authenticated = yield* AuthenticatedRequest.make
  const nonceRetries = senderConstraint.tokenType === "DPoP" ? 2 : 0

  const request = Effect.fnUntraced(function* (
    grant: Parameters,
    { additionalParameters, headers, proofKey }: Options = {}
  ): Effect.fn.Return<HttpClientRequest.HttpClientRequest, TokenError | DiscoveryError> {
    return yield* authenticated("token_endpoint", {
      parameters: yield* withFurther(grant, additionalParameters),
      headers,
      constraint:
        proofKey === undefined
          ? senderConstraint
          : yield* Effect.mapError(senderConstraint.withKey(proofKey), (reason) => new TokenError({ reason }))
    })
  })

  const tokens = Effect.fnUntraced(function* (answer: Answer): Effect.fn.Return<A, TokenError> {
    yield* ensureSuccess(answer)
    return yield* Effect.mapError(
      decode(answer.body, yield* Clock.currentTimeMillis),
      ({ message }) => new TokenError({ reason: new InvalidTokenResponse({ issues: message }) })
    )
  })

  return {
    send: (grant, options) =>
      Effect.flatMap(request(grant, options), (built) => Effect.mapError(transport.send(built), fromFault)),
    read: (response) => Effect.flatMap(Effect.mapError(transport.json(response), fromFault), tokens),
    exchange: (grant, options) =>
      request(grant, options).pipe(
        Effect.flatMap((built) => Effect.mapError(transport.exchange(built), fromFault)),
        Effect.flatMap(tokens),
        Effect.retry({ times: nonceRetries, while: ({ reason }) => reason._tag === "UseDpopNonce" })
      )
  }
})

/** A request's own parameters, then the further ones, none of which may take the place of an own one. */
export const withFurther = (own: Parameters, further: Parameters = []): Effect.Effect<Parameters, TokenError> => {
  const taken = further.find(([name]) => credentialNames.has(name) || own.some(([ownName]) => ownName === name))
  if (taken === undefined) return Effect.succeed([...own, ...further])
  const reason = new InvalidParameter({ parameter: taken[0], problem: "the library sets it; take it out" })
  return Effect.fail(new TokenError({ reason }))
}

/** Fails with the error that an answer has, or with its status where that is not 200. */
export const ensureSuccess = (answer: Answer): Effect.Effect<void, TokenError> => {
  const error = OAuthError.fromAnswer(answer)
  if (Option.isSome(error)) return Effect.fail(fromOAuthError(error.value))
  return answer.status === 200
    ? Effect.void
    : Effect.fail(fromFault(fault("UnexpectedStatus", answer, answer.status, answer.retryAfter)))
}

const credentialNames = new Set(["client_id", "client_secret", "client_assertion", "client_assertion_type"])
