/**
 * An `HttpClient` that calls protected resources with an access token.
 *
 * **When to use**
 *
 * - To call an API with the tokens of a `VerifiedIdentity`, or with those of a `FreshIdentity`, which are refreshed.
 * - For the claims about the end-user, use `UserInfo`.
 *
 * **Details**
 *
 * - The token is sent in the `Authorization` header only, and the caller's own `Authorization` does not replace it.
 * - A token that DPoP binds has a fresh proof for the method and URL of each request. If the server demands a nonce,
 *   the request is repeated, twice at most.
 * - With tokens that can be refreshed, a 401 `invalid_token` leads to one refresh and one more request.
 * - The requests go through `Transport`: https only, no redirects, a time limit for each.
 *
 * **Gotchas**
 *
 * - A response of any status is a success; `failOnChallengeError` turns those that reject the token into errors.
 * - A body that is a stream can be sent once only: the caller gets the response for which the request would be
 *   repeated.
 * - The body of the response is unread. However it is read (`response.json`, `response.stream`, …), it fails at the size limit of
 *   the client, with a `TransportError` of the kind `TooLarge` as the cause. `Transport.json` and `Transport.text` have the
 *   time limit, too.
 *
 * **Example** (Calling an API)
 *
 * ```ts
 * import { ClientAuthentication, ClientRegistration, ProtectedResource, Transport } from "@effect-ciba/core"
 * import { Effect, Layer, Redacted } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 *
 * const api = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(request, new Response(request.headers.authorization)))
 * )
 *
 * const program = Effect.gen(function* () {
 *   const client = yield* ProtectedResource.make({
 *     accessToken: Redacted.make("an-access-token"),
 *     tokenType: "Bearer",
 *     dpopKey: undefined
 *   })
 *   const response = yield* client.get("https://api.example.com/accounts")
 *   return yield* response.text
 * }).pipe(
 *   Effect.provide([
 *     ClientRegistration.layer({ clientId: "bank-app", authentication: ClientAuthentication.none }),
 *     Layer.provide(Transport.layer(), Layer.succeed(HttpClient.HttpClient, api))
 *   ])
 * )
 *
 * await Effect.runPromise(program) // => "Bearer an-access-token"
 * ```
 *
 * @see RFC 6750, RFC 9449 section 7, RFC 8705 section 3
 */
import { Effect, Redacted, Result } from "effect"
import { Headers, HttpClient, HttpClientRequest, type HttpClientResponse, Url, UrlParams } from "effect/http"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import * as InteractionId from "../http/InteractionId.ts"
import * as SecretRedaction from "../http/SecretRedaction.ts"
import * as SenderConstraint from "../http/SenderConstraint.ts"
import { limitBody, Transport } from "../http/Transport.ts"
import { sanitize } from "../internal/DisplayText.ts"
import { fromChallenge, fromReason, type ResourceError, UnsupportedTokenType } from "./ResourceError.ts"
import * as WwwAuthenticate from "./WwwAuthenticate.ts"

/**
 * @since 0.1.0
 * @stability stable
 */
export {
  InsufficientScope,
  InvalidDpopProof,
  InvalidRequest,
  InvalidToken,
  ResourceError,
  Unrecognized,
  UnsupportedTokenType,
  UseDpopNonce
} from "./ResourceError.ts"

/**
 * An access token and what a request with it needs; a `VerifiedIdentity` has it all.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Tokens {
  readonly accessToken: Redacted.Redacted<string>
  readonly tokenType: string
  /** The private key that the token is bound to, if it is bound by DPoP and the key can be exported. */
  readonly dpopKey: Redacted.Redacted<JsonWebKey> | undefined
}

/**
 * Tokens that can be refreshed; a `FreshIdentity` has them.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface RefreshableTokens<A extends Tokens = Tokens, E = never> {
  readonly current: Effect.Effect<A, E>
  /** Other tokens than the rejected ones: the current ones if these are others already. */
  readonly refresh: (rejected: A) => Effect.Effect<A, E>
}

/**
 * What the client sends besides the token.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Options {
  /** Headers of the caller that are never sent; those of the profile by default. */
  readonly withheldHeaders?: ReadonlyArray<string> | undefined
}

/**
 * Makes a client that sends every request with the token.
 *
 * @since 0.1.0
 * @stability stable
 */
export const make = Effect.fnUntraced(function* <A extends Tokens, E = never>(
  source: A | RefreshableTokens<A, E>,
  options?: Options
): Effect.fn.Return<HttpClient.HttpClient.With<ResourceError | E>, never, ClientRegistration | Transport> {
  const { profile } = yield* ClientRegistration
  const transport = yield* Transport
  const send = yield* makeSend
  const withheld = options?.withheldHeaders ?? profile?.withheldHeaders ?? []

  const execute = Effect.fnUntraced(function* (
    original: HttpClientRequest.HttpClientRequest
  ): Effect.fn.Return<HttpClientResponse.HttpClientResponse, ResourceError | E> {
    const request = normalizeUrl(HttpClientRequest.updateHeaders(original, Headers.removeMany(withheld)))
    const tokens = yield* currentTokens(source)
    const response = yield* send(request, tokens)
    if (!isRefreshable(source) || !isRepeatable(request) || !rejectsToken(response)) {
      return yield* limitBody(response, transport.maxResponseSize)
    }
    yield* drain(transport, response)
    return yield* limitBody(yield* send(request, yield* source.refresh(tokens)), transport.maxResponseSize)
  })

  return HttpClient.makeWith(
    (request: Effect.Effect<HttpClientRequest.HttpClientRequest>) => Effect.flatMap(request, execute),
    Effect.succeed
  )
})

/**
 * The current tokens of a source.
 *
 * @since 0.1.0
 * @stability stable
 */
export const currentTokens = <A extends Tokens, E = never>(source: A | RefreshableTokens<A, E>): Effect.Effect<A, E> =>
  isRefreshable(source) ? source.current : Effect.succeed(source)

/**
 * The error for which a response rejects the token; `undefined` for every other response.
 *
 * @since 0.1.0
 * @stability stable
 */
export const readChallengeError = (response: HttpClientResponse.HttpClientResponse): ResourceError | undefined => {
  if (![400, 401, 403].includes(response.status)) return undefined
  const challenge = tokenChallenges(response).find(({ error }) => error !== undefined)
  return challenge === undefined && response.status !== 401
    ? undefined
    : fromChallenge(challenge, response.status, SecretRedaction.ofRequest(response.request))
}

/**
 * Fails with the error of a response that rejects the token; every other response passes.
 *
 * @since 0.1.0
 * @stability stable
 */
export const failOnChallengeError = <E, R>(
  client: HttpClient.HttpClient.With<E, R>
): HttpClient.HttpClient.With<E | ResourceError, R> =>
  HttpClient.transformResponse(
    client,
    Effect.flatMap((response) => readChallengeError(response) ?? Effect.succeed(response))
  )

/** Sends a request with a token, and repeats it if the server demands another DPoP nonce. */
const makeSend = Effect.gen(function* () {
  const { profile, senderConstraint } = yield* ClientRegistration
  const transport = yield* Transport
  const correlation = profile?.interactionIds === true ? InteractionId.generateHeader : Effect.succeed({})

  return Effect.fnUntraced(function* (request: HttpClientRequest.HttpClientRequest, tokens: Tokens) {
    const { method, url } = request
    const { accessToken } = tokens
    const constraint = yield* selectConstraint(tokens, senderConstraint)
    const attempt = Effect.gen(function* () {
      const proof = yield* constraint.prove({ method, url, accessToken })
      const authorization = `${constraint.tokenType} ${Redacted.value(accessToken)}`
      const headers = { ...proof, ...(yield* correlation), authorization }
      return yield* Effect.mapError(transport.send(HttpClientRequest.setHeaders(request, headers)), fromReason)
    })
    return yield* SenderConstraint.retryWithNonce(constraint, attempt, {
      isDemand: (response) => isRepeatable(request) && demandsNonce(response, constraint),
      discard: (response) => drain(transport, response)
    })
  })
})

/** Reads a body that is not used, so that its connection is free again. */
const drain = (transport: Transport["Service"], response: HttpClientResponse.HttpClientResponse): Effect.Effect<void> =>
  Effect.ignore(transport.text(response))

const isRefreshable = <A extends Tokens, E>(source: A | RefreshableTokens<A, E>): source is RefreshableTokens<A, E> =>
  "refresh" in source

/** The constraint that proves possession of the key of the token; for a bearer token, one without proofs. */
const selectConstraint = Effect.fnUntraced(function* (
  { dpopKey, tokenType }: Tokens,
  own: SenderConstraint.SenderConstraint
) {
  if (/^bearer$/i.test(tokenType)) return SenderConstraint.bearer
  if (!/^dpop$/i.test(tokenType)) return yield* new UnsupportedTokenType({ tokenType: sanitize(tokenType, 100) })
  if (dpopKey !== undefined) return yield* own.withKey(dpopKey)
  return own.tokenType === "DPoP" ? own : yield* SenderConstraint.missingKeyError()
}, Effect.mapError(fromReason))

/** The request with its normalized URL, to which proofs and nonces belong; the query stays as it is. */
const normalizeUrl = (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest =>
  Result.match(Url.make(request.url, UrlParams.empty, undefined), {
    onFailure: () => request,
    onSuccess: ({ href }) => HttpClientRequest.setUrl(request, href)
  })

const isRepeatable = ({ body }: HttpClientRequest.HttpClientRequest): boolean =>
  body._tag === "Empty" || body._tag === "Uint8Array" || body._tag === "FormData"

const tokenChallenges = (response: HttpClientResponse.HttpClientResponse): ReadonlyArray<WwwAuthenticate.Challenge> =>
  WwwAuthenticate.fromResponse(response).filter(({ scheme }) => scheme === "bearer" || scheme === "dpop")

/** A 401 without a challenge says nothing else: the token is renewed once. */
const rejectsToken = (response: HttpClientResponse.HttpClientResponse): boolean =>
  response.status === 401 &&
  (response.headers["www-authenticate"] === undefined ||
    tokenChallenges(response).some(({ error }) => error === "invalid_token"))

/** Whether the response demands a nonce and has it, for a proof in an algorithm that the server accepts. */
const demandsNonce = (
  response: HttpClientResponse.HttpClientResponse,
  { algorithm }: SenderConstraint.SenderConstraint
): boolean =>
  response.status === 401 &&
  response.headers["dpop-nonce"] !== undefined &&
  algorithm !== undefined &&
  WwwAuthenticate.fromResponse(response).some(
    ({ algs, error, scheme }) =>
      scheme === "dpop" && error === "use_dpop_nonce" && (algs === undefined || algs.includes(algorithm))
  )
