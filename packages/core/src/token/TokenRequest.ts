/**
 * A token request of any grant, and its response. Each attempt has a fresh client assertion and a fresh DPoP proof, a
 * demanded DPoP nonce is used at once, and error responses become errors with the code as their reason.
 */
import { Effect, Option, Predicate, Redacted, type Schema } from "effect"
import type { Headers, HttpClientRequest, HttpClientResponse } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import * as OAuthError from "../http/OAuthError.ts"
import * as SecretRedaction from "../http/SecretRedaction.ts"
import * as SenderConstraint from "../http/SenderConstraint.ts"
import { type JsonResponse, makeStatusError, Transport } from "../http/Transport.ts"
import { truncateIssues } from "../internal/DisplayText.ts"
import type { PendingAuthentication } from "../pending/PendingAuthentication.ts"
import { type ReceivedResponse, receive } from "../pending/ReceivedResponse.ts"
import * as AuthenticatedRequest from "../provider/AuthenticatedRequest.ts"
import type { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import * as ParameterNames from "../provider/ParameterNames.ts"
import { InvalidParameter } from "../request/AuthenticationRequestError.ts"
import * as AuthorizationDetails from "../request/AuthorizationDetails.ts"
import * as RequestParameters from "../request/RequestParameters.ts"
import * as ResourceIndicator from "../request/ResourceIndicator.ts"
import * as Scope from "../request/Scope.ts"
import { fromOAuthError, fromTransportError, InvalidTokenResponse, TokenError } from "./TokenError.ts"
import * as TokenResponse from "./TokenResponse.ts"

/**
 * What a token request may carry besides the parameters of its grant.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options {
  /** A part of the granted `authorization_details` (RFC 9396 6); all of them by default. */
  readonly authorizationDetails?: AuthorizationDetails.AuthorizationDetails | undefined
  /** A part of the granted resources (RFC 8707 2.2); all of them by default. */
  readonly resource?: ResourceIndicator.ResourceIndicator | undefined
  /** Additional form parameters; those that the library sets are rejected. */
  readonly additionalParameters?: Parameters | undefined
  /** Additional headers; they do not replace those that the library sets. */
  readonly headers?: Headers.Input | undefined
  /** The private key of the DPoP proof; that of `Dpop.layer` by default. */
  readonly dpopKey?: Redacted.Redacted<JsonWebKey> | undefined
}

/** The same for a grant that can have a scope. */
export interface ScopedOptions extends Options {
  readonly scope?: ReadonlyArray<string> | undefined
}

/** Token requests, and responses that are decoded to `A`. */
export interface TokenRequest<A> {
  /** Sends the parameters of a grant and gives the raw response. */
  readonly send: (
    grant: Parameters,
    options?: ScopedOptions
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, TokenError | DiscoveryError>
  /** Reads a raw response: tokens that are not verified yet. */
  readonly read: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, TokenError>
  /** Sends a request and reads its response: one call, with one time limit. */
  readonly exchange: (grant: Parameters, options?: ScopedOptions) => Effect.Effect<A, TokenError | DiscoveryError>
}

/** Form parameters in the order in which they are sent. */
export type Parameters = ReadonlyArray<readonly [name: string, value: string]>

/** Decodes the successful response of a grant. */
export type Decode<A> = (stored: ReceivedResponse) => Effect.Effect<A, Schema.SchemaError>

/** Token requests to the configured provider, for the configured client. */
export const make = Effect.fnUntraced(function* <A>(
  decode: Decode<A>
): Effect.fn.Return<TokenRequest<A>, never, ClientRegistration | Discovery | Transport> {
  const { senderConstraint } = yield* ClientRegistration
  const transport = yield* Transport
  const makeAuthenticated = yield* AuthenticatedRequest.make(toInvalidParameter)

  const makeRequest = Effect.fnUntraced(function* (
    grant: Parameters,
    options: ScopedOptions = {}
  ): Effect.fn.Return<HttpClientRequest.HttpClientRequest, TokenError | DiscoveryError> {
    return yield* makeAuthenticated("token_endpoint", {
      parameters: yield* toForm(grant, options),
      headers: options.headers,
      constraint: yield* withKey(senderConstraint, options.dpopKey)
    })
  })

  return {
    send: (grant, options) =>
      Effect.flatMap(makeRequest(grant, options), (request) =>
        Effect.mapError(transport.send(request), fromTransportError)
      ),
    read: (response) => Effect.flatMap(readSuccess(transport, response), ({ body }) => decodeTokens(decode, body)),
    exchange: (grant, options) =>
      SenderConstraint.retryWithNonce(
        senderConstraint,
        Effect.flatMap(makeRequest(grant, options), (request) =>
          Effect.flatMap(Effect.mapError(transport.exchange(request), fromTransportError), (json) =>
            interpret(decode, json, request)
          )
        )
      )
  }
})

/** The form of a request: its own parameters, then those of the options. */
export const toForm = (grant: Parameters, options: ScopedOptions): Effect.Effect<Parameters, TokenError> => {
  const { additionalParameters, authorizationDetails, resource, scope } = options
  const own = [...grant, ...ownParameters(options)]
  const invalid = RequestParameters.findInvalid([
    ["authorization_details", authorizationDetails && AuthorizationDetails.validate(authorizationDetails)],
    ["resource", ResourceIndicator.validate(resource)],
    ["scope", Scope.validate(scope)]
  ])
  return invalid === undefined
    ? addParameters(own, additionalParameters)
    : Effect.fail(new TokenError({ reason: invalid }))
}

/** What `toForm` adds to the parameters of a grant. */
export const furtherParameters = (options: Options): Parameters => [
  ...RequestParameters.toForm(ownParameters(options)),
  ...(options.additionalParameters ?? [])
]

const ownParameters = ({
  authorizationDetails,
  resource,
  scope
}: ScopedOptions): ReadonlyArray<RequestParameters.Parameter> => [
  ...Scope.toParameters(scope),
  ...RequestParameters.optional("authorization_details", authorizationDetails),
  ...ResourceIndicator.toParameters(resource)
]

/** The sender constraint with this key, if it is given. */
export const withKey = (
  constraint: SenderConstraint.SenderConstraint,
  dpopKey: Options["dpopKey"]
): Effect.Effect<SenderConstraint.SenderConstraint, TokenError> =>
  dpopKey === undefined
    ? Effect.succeed(constraint)
    : Effect.mapError(constraint.withKey(dpopKey), (reason) => new TokenError({ reason }))

/**
 * The tokens of a response, which are not verified yet; fails with the error of an error response. It may quote the request
 * for authentication, too, if it belongs to one.
 */
export const interpret = <A>(
  decode: Decode<A>,
  json: JsonResponse,
  request: HttpClientRequest.HttpClientRequest,
  pending?: PendingAuthentication
): Effect.Effect<A, TokenError> =>
  Effect.flatMap(ensureSuccess(json, request, pending), () => decodeTokens(decode, json.body))

/** Reads the stored or pushed token response of a pending authentication: tokens that are not verified yet. */
export const decodeReceived = (
  stored: ReceivedResponse,
  pending: PendingAuthentication
): Effect.Effect<TokenResponse.TokenResponse, TokenError> =>
  Effect.andThen(
    ensureNoError({ status: 200, body: Redacted.value(stored.body), retryAfter: undefined }, (text) =>
      SecretRedaction.ofValues(secretsOf(pending))(text)
    ).pipe(Effect.catchReasons("TokenError", { AuthorizationPending: failUndecided, SlowDown: failUndecided })),
    decodeStored(TokenResponse.decode, stored)
  )

/** A response that is stored or pushed ends the wait: it cannot say that the end-user has not decided. */
const failUndecided = ({ code }: { readonly code: string }): Effect.Effect<never, TokenError> =>
  Effect.fail(
    new TokenError({ reason: new InvalidTokenResponse({ issues: `its error is ${code}, with which no wait ends` }) })
  )

/** What the provider may quote of the authentication request. */
const secretsOf = ({
  authReqId,
  clientNotificationToken,
  expectations,
  hints = []
}: PendingAuthentication): ReadonlyArray<string> =>
  [authReqId, clientNotificationToken, expectations.nonce, expectations.subject, ...hints].flatMap((secret) =>
    secret === undefined ? [] : SecretRedaction.withTexts(Redacted.value<string>(secret))
  )

/** A request's own parameters, then the additional ones; fails if one of these would replace an own one. */
export const addParameters = (
  own: ReadonlyArray<RequestParameters.Parameter>,
  additional: Parameters = []
): Effect.Effect<Parameters, TokenError> => {
  const invalid = RequestParameters.findInvalid([
    ...additional.map(([name]) => [name, validateName(name, own)] as const),
    ...RequestParameters.validateText([...own, ...additional])
  ])
  return invalid === undefined
    ? Effect.succeed([...RequestParameters.toForm(own), ...additional])
    : Effect.fail(new TokenError({ reason: invalid }))
}

/** The failure of a request with a parameter or header that cannot be sent. */
export const toInvalidParameter = (problem: AuthenticatedRequest.Problem): TokenError =>
  new TokenError({ reason: new InvalidParameter(problem) })

/** Reads the JSON of a response; fails with the error of an error response, or with the status if it is not 200. */
export const readSuccess = (
  transport: Transport["Service"],
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<JsonResponse, TokenError> =>
  Effect.mapError(transport.json(response), fromTransportError).pipe(
    Effect.tap((json) => ensureSuccess(json, response.request))
  )

const ensureSuccess = (
  json: JsonResponse,
  request: HttpClientRequest.HttpClientRequest,
  pending?: PendingAuthentication
): Effect.Effect<void, TokenError> =>
  Effect.andThen(
    ensureNoError(json, (text) =>
      SecretRedaction.ofRequest(request, pending === undefined ? [] : secretsOf(pending))(text)
    ),
    Effect.suspend(() => (hasTokens(json) ? Effect.void : Effect.fail(fromTransportError(makeStatusError(json)))))
  )

/** Tokens that have arrived cannot be had again, whichever status of success they came with. */
const hasTokens = ({ body, status }: JsonResponse): boolean =>
  status === 200 || (status < 300 && Predicate.hasProperty(body, "access_token"))

const ensureNoError = (
  json: Pick<JsonResponse, "status" | "body" | "retryAfter">,
  redact: SecretRedaction.Redact
): Effect.Effect<void, TokenError> =>
  Option.match(OAuthError.fromResponse(json, redact), {
    onNone: () => Effect.void,
    onSome: (error) => Effect.fail(fromOAuthError(error))
  })

const decodeTokens = <A>(decode: Decode<A>, body: JsonResponse["body"]): Effect.Effect<A, TokenError> =>
  Effect.flatMap(receive(body), (received) => decodeStored(decode, received))

const decodeStored = <A>(decode: Decode<A>, stored: ReceivedResponse): Effect.Effect<A, TokenError> =>
  Effect.mapError(
    decode(stored),
    (error) => new TokenError({ reason: new InvalidTokenResponse({ issues: truncateIssues(error) }) })
  )

const validateName = (name: string, own: ReadonlyArray<RequestParameters.Parameter>): string | undefined =>
  ParameterNames.credentials.has(name) || own.some(([reserved]) => reserved === name)
    ? "the library sets it; take it out"
    : undefined
