/**
 * A request to the token endpoint, whatever the grant: fresh credentials and fresh proof for each attempt, a demanded
 * nonce answered at once, and errors in the endpoint's own words.
 */
import { Effect, Option, Redacted, type Schema } from "effect"
import type { Headers, HttpClientRequest, HttpClientResponse } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import * as OAuthError from "../http/OAuthError.ts"
import * as Echo from "../http/SecretRedaction.ts"
import * as SenderConstraint from "../http/SenderConstraint.ts"
import { type JsonResponse, makeError, Transport } from "../http/Transport.ts"
import { truncateIssues } from "../internal/DisplayText.ts"
import type { PendingAuthentication } from "../pending/PendingAuthentication.ts"
import * as AuthenticatedRequest from "../provider/AuthenticatedRequest.ts"
import type { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import * as AuthorizationDetails from "../request/AuthorizationDetails.ts"
import * as RequestParameters from "../request/RequestParameters.ts"
import * as ResourceIndicator from "../request/ResourceIndicator.ts"
import { fromOAuthError, fromTransportError, InvalidTokenResponse, TokenError } from "./TokenError.ts"
import * as TokenResponse from "./TokenResponse.ts"

/** What a token request may carry beyond what the grant needs. */
export interface Options {
  /** Those of the granted details that the token is for (RFC 9396 6); all of them by default. */
  readonly authorizationDetails?: AuthorizationDetails.AuthorizationDetails | undefined
  /** Those of the granted resources where the token is to be used (RFC 8707 2.2). */
  readonly resource?: ResourceIndicator.ResourceIndicator | undefined
  /** Further form parameters; none may take the place of the library's own. */
  readonly additionalParameters?: Parameters | undefined
  /** Further headers. */
  readonly headers?: Headers.Input | undefined
  /** The key to prove possession of, where it is not the one of `Dpop.layer`. */
  readonly proofKey?: Redacted.Redacted<JsonWebKey> | undefined
  /** Run at the instant at which an attempt is sent, everything that it needs being ready. */
  readonly onSend?: Effect.Effect<void> | undefined
}

/** Requests to the token endpoint, and what their responses are read as. */
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

/** How a grant's success is read. */
export type Decode<A> = (received: TokenResponse.StoredResponse) => Effect.Effect<A, Schema.SchemaError>

/** Requests as the client at hand, to the provider at hand. */
export const make = Effect.fnUntraced(function* <A>(
  decode: Decode<A>
): Effect.fn.Return<TokenRequest<A>, never, ClientRegistration | Discovery | Transport> {
  const { senderConstraint } = yield* ClientRegistration
  const transport = yield* Transport
  const authenticated = yield* AuthenticatedRequest.make

  const request = Effect.fnUntraced(function* (
    grant: Parameters,
    { additionalParameters, authorizationDetails, headers, proofKey, resource }: Options = {}
  ): Effect.fn.Return<HttpClientRequest.HttpClientRequest, TokenError | DiscoveryError> {
    const own = [
      ...grant,
      ...RequestParameters.optional("authorization_details", authorizationDetails),
      ...ResourceIndicator.toParameters(resource)
    ]
    const wrong = RequestParameters.findInvalid([
      ["authorization_details", authorizationDetails && AuthorizationDetails.validate(authorizationDetails)],
      ["resource", ResourceIndicator.validate(resource)]
    ])
    if (wrong !== undefined) return yield* new TokenError({ reason: wrong })
    return yield* authenticated("token_endpoint", {
      parameters: yield* addParameters(own, additionalParameters),
      headers,
      constraint:
        proofKey === undefined
          ? senderConstraint
          : yield* Effect.mapError(senderConstraint.withKey(proofKey), (reason) => new TokenError({ reason }))
    })
  })

  const tokens = (answer: JsonResponse, sent: HttpClientRequest.HttpClientRequest): Effect.Effect<A, TokenError> =>
    ensureSuccess(answer, sent).pipe(
      Effect.andThen(TokenResponse.toStored(answer.body)),
      Effect.flatMap((received) => accepted(decode, received))
    )

  return {
    send: (grant, options) =>
      Effect.flatMap(request(grant, options), (built) => Effect.mapError(transport.send(built), fromTransportError)),
    read: (response) =>
      Effect.flatMap(Effect.mapError(transport.json(response), fromTransportError), (answer) =>
        tokens(answer, response.request)
      ),
    exchange: (grant, options) =>
      SenderConstraint.retryWithNonce(
        senderConstraint,
        Effect.gen(function* () {
          const built = yield* request(grant, options)
          yield* options?.onSend ?? Effect.void
          return yield* tokens(yield* Effect.mapError(transport.exchange(built), fromTransportError), built)
        })
      )
  }
})

/**
 * Reads the response to a pending authentication that came before, or that was pushed: tokens that are not verified yet,
 * or why there are none.
 */
export const decodeStored = (
  received: TokenResponse.StoredResponse,
  { authReqId, clientNotificationToken, expectations }: PendingAuthentication
): Effect.Effect<TokenResponse.TokenResponse, TokenError> =>
  Effect.andThen(
    ensureNoError(
      { status: 200, body: Redacted.value(received.body), retryAfter: undefined },
      Echo.ofValues(
        [authReqId, clientNotificationToken, expectations.subject].flatMap((secret) =>
          secret === undefined ? [] : [Redacted.value<string>(secret)]
        )
      )
    ),
    accepted(TokenResponse.decode, received)
  )

/** A request's own parameters, then the further ones, none of which may take the place of an own one. */
export const addParameters = (
  own: ReadonlyArray<RequestParameters.Parameter>,
  further: Parameters = []
): Effect.Effect<Parameters, TokenError> => {
  const wrong = RequestParameters.findInvalid([
    ...further.map(([name]) => [name, takenProblem(name, own)] as const),
    ...RequestParameters.validateText([...own, ...further])
  ])
  return wrong === undefined
    ? Effect.succeed([...RequestParameters.toForm(own), ...further])
    : Effect.fail(new TokenError({ reason: wrong }))
}

/** Fails with the error that the answer to a request has, or with its status where that is not 200. */
export const ensureSuccess = (
  answer: JsonResponse,
  sent: HttpClientRequest.HttpClientRequest
): Effect.Effect<void, TokenError> =>
  Effect.andThen(
    ensureNoError(answer, Echo.ofRequest(sent)),
    Effect.suspend(() =>
      answer.status === 200
        ? Effect.void
        : Effect.fail(fromTransportError(makeError("UnexpectedStatus", answer, answer.status, answer.retryAfter)))
    )
  )

const ensureNoError = (
  answer: Pick<JsonResponse, "status" | "body" | "retryAfter">,
  echo: Echo.Redact
): Effect.Effect<void, TokenError> =>
  Option.match(OAuthError.fromResponse(answer, echo), {
    onNone: () => Effect.void,
    onSome: (error) => Effect.fail(fromOAuthError(error))
  })

const accepted = <A>(decode: Decode<A>, received: TokenResponse.StoredResponse): Effect.Effect<A, TokenError> =>
  Effect.mapError(
    decode(received),
    (error) => new TokenError({ reason: new InvalidTokenResponse({ issues: truncateIssues(error) }) })
  )

const takenProblem = (name: string, own: ReadonlyArray<RequestParameters.Parameter>): string | undefined =>
  credentialNames.has(name) || own.some(([taken]) => taken === name) ? "the library sets it; take it out" : undefined

const credentialNames = new Set(["client_id", "client_secret", "client_assertion", "client_assertion_type"])
