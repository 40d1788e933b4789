/**
 * An `HttpClient` that carries an access token to the resources it is for.
 *
 * **Details**
 *
 * - The token goes into the `Authorization` header and nowhere else; a caller's own `Authorization` does not replace it.
 * - A token that DPoP binds comes with a fresh proof for the method and URL that are really called. A demanded nonce is
 *   answered at most twice.
 * - Where tokens can be renewed, a 401 `invalid_token` leads to one renewal and one more try.
 * - https only, no redirect followed, each try limited in time: `Transport` sends the requests.
 *
 * **Gotchas**
 *
 * - Statuses are the caller's business; `filterAccepted` makes errors of those that refuse the token.
 * - A body that is a stream can be sent once: what a second try would have mended is then given to the caller.
 * - The answer's body is unread and unlimited. `Transport.json` and `Transport.text` read with a limit.
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
 *     proofKey: undefined
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
import * as Echo from "../http/SecretRedaction.ts"
import * as SenderConstraint from "../http/SenderConstraint.ts"
import { Transport } from "../http/Transport.ts"
import { sanitize } from "../internal/DisplayText.ts"
import { fromChallenge, ResourceError, UnsupportedTokenType } from "./ResourceError.ts"
import * as WwwAuthenticate from "./WwwAuthenticate.ts"

export { ResourceError } from "./ResourceError.ts"

/** An access token and what using it takes; a `VerifiedIdentity` is one. */
export interface Tokens {
  readonly accessToken: Redacted.Redacted<string>
  readonly tokenType: string
  /** The private key that the token is bound to, where DPoP binds it and the key could be kept. */
  readonly proofKey: Redacted.Redacted<JsonWebKey> | undefined
}

/** Tokens that can be renewed. */
export interface RefreshableTokens<A extends Tokens = Tokens, E = never> {
  readonly current: Effect.Effect<A, E>
  /** Other tokens than the refused ones: those that somebody has renewed meanwhile, or new ones. */
  readonly refresh: (refused: A) => Effect.Effect<A, E>
}

/** What else there is to say. */
export interface Options {
  /** Headers of the caller that are never sent; those of the profile by default. */
  readonly withheldHeaders?: ReadonlyArray<string> | undefined
}

/** A client that sends requests with the token. */
export const make = Effect.fnUntraced(function* <A extends Tokens, E = never>(
  source: A | RefreshableTokens<A, E>,
  options?: Options
): Effect.fn.Return<HttpClient.HttpClient.With<ResourceError | E>, never, ClientRegistration | Transport> {
  const { profile, senderConstraint } = yield* ClientRegistration
  const transport = yield* Transport
  const withheld = options?.withheldHeaders ?? profile?.withheldHeaders ?? []
  const correlation = profile?.interactionIds === true ? InteractionId.generateHeader : Effect.succeed({})

  const send = Effect.fnUntraced(function* (
    request: HttpClientRequest.HttpClientRequest,
    tokens: Tokens,
    constraint: SenderConstraint.SenderConstraint | undefined
  ): Effect.fn.Return<HttpClientResponse.HttpClientResponse, ResourceError> {
    const { accessToken } = tokens
    const proof = yield* constraint?.prove({ method: request.method, url: request.url, accessToken }) ?? noProof
    const scheme = constraint === undefined ? "Bearer" : "DPoP"
    return yield* Effect.mapError(
      transport.send(
        HttpClientRequest.setHeaders(request, {
          ...proof,
          ...(yield* correlation),
          authorization: `${scheme} ${Redacted.value(accessToken)}`
        })
      ),
      (reason) => new ResourceError({ reason })
    )
  })

  /** Reads an answer that nobody will see, so that its connection is free again. */
  const dismiss = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<void> =>
    Effect.ignore(transport.text(response))

  const attempt = Effect.fnUntraced(function* (
    request: HttpClientRequest.HttpClientRequest,
    tokens: Tokens
  ): Effect.fn.Return<HttpClientResponse.HttpClientResponse, ResourceError> {
    const constraint = yield* constraintOf(tokens, senderConstraint)
    return yield* SenderConstraint.retryWithNonce(constraint, send(request, tokens, constraint), {
      isDemand: (response) => isRepeatable(request) && wantsNonce(response, constraint),
      discard: dismiss
    })
  })

  const execute = Effect.fnUntraced(function* (
    given: HttpClientRequest.HttpClientRequest
  ): Effect.fn.Return<HttpClientResponse.HttpClientResponse, ResourceError | E> {
    const request = addressed(HttpClientRequest.updateHeaders(given, Headers.removeMany(withheld)))
    if (!isRenewable(source)) return yield* attempt(request, source)
    const refused = yield* source.current
    const response = yield* attempt(request, refused)
    if (!isRepeatable(request) || !refusesToken(response)) return response
    yield* dismiss(response)
    return yield* attempt(request, yield* source.refresh(refused))
  })

  return HttpClient.makeWith(
    (request: Effect.Effect<HttpClientRequest.HttpClientRequest>) => Effect.flatMap(request, execute),
    Effect.succeed
  )
})

/** The tokens as they are now. */
export const currentTokens = <A extends Tokens, E = never>(source: A | RefreshableTokens<A, E>): Effect.Effect<A, E> =>
  isRenewable(source) ? source.current : Effect.succeed(source)

/** Why a response refuses the token, in the resource server's words; nothing, where it does not. */
export const readRefusal = (response: HttpClientResponse.HttpClientResponse): ResourceError | undefined => {
  if (![400, 401, 403].includes(response.status)) return undefined
  const challenge = tokenChallenges(response).find(({ error }) => error !== undefined)
  return challenge === undefined && response.status !== 401
    ? undefined
    : fromChallenge(challenge, response.status, Echo.ofRequest(response.request))
}

/** Fails where the resource server refuses the token; every other status passes. */
export const filterAccepted = <E, R>(
  client: HttpClient.HttpClient.With<E, R>
): HttpClient.HttpClient.With<E | ResourceError, R> =>
  HttpClient.transformResponse(
    client,
    Effect.flatMap((response) => {
      const refused = readRefusal(response)
      return refused === undefined ? Effect.succeed(response) : Effect.fail(refused)
    })
  )

const noProof: Effect.Effect<Readonly<Record<string, string>>> = Effect.succeed({})

const isRenewable = <A extends Tokens, E>(source: A | RefreshableTokens<A, E>): source is RefreshableTokens<A, E> =>
  "refresh" in source

/** Who proves possession, where the token is bound to a key. */
const constraintOf = (
  { proofKey, tokenType }: Tokens,
  own: SenderConstraint.SenderConstraint
): Effect.Effect<SenderConstraint.SenderConstraint | undefined, ResourceError> => {
  if (/^bearer$/i.test(tokenType)) return Effect.undefined
  if (!/^dpop$/i.test(tokenType)) {
    return Effect.fail(new ResourceError({ reason: new UnsupportedTokenType({ tokenType: sanitize(tokenType, 100) }) }))
  }
  if (proofKey !== undefined) {
    return Effect.mapError(own.withKey(proofKey), (reason) => new ResourceError({ reason }))
  }
  return own.tokenType === "DPoP"
    ? Effect.succeed(own)
    : Effect.fail(new ResourceError({ reason: SenderConstraint.missingKeyError() }))
}

/** The request with its URL as it is really called, query untouched: proofs and nonces go by it. */
const addressed = (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest =>
  Result.match(Url.make(request.url, UrlParams.empty, undefined), {
    onFailure: () => request,
    onSuccess: ({ href }) => HttpClientRequest.setUrl(request, href)
  })

const isRepeatable = ({ body }: HttpClientRequest.HttpClientRequest): boolean =>
  body._tag === "Empty" || body._tag === "Uint8Array" || body._tag === "FormData"

const tokenChallenges = (response: HttpClientResponse.HttpClientResponse): ReadonlyArray<WwwAuthenticate.Challenge> =>
  WwwAuthenticate.fromResponse(response).filter(({ scheme }) => scheme === "bearer" || scheme === "dpop")

const refusesToken = (response: HttpClientResponse.HttpClientResponse): boolean =>
  response.status === 401 && tokenChallenges(response).some(({ error }) => error === "invalid_token")

/** Whether a nonce is demanded and has come, for a proof in an algorithm that the server takes. */
const wantsNonce = (
  response: HttpClientResponse.HttpClientResponse,
  constraint: SenderConstraint.SenderConstraint | undefined
): boolean =>
  response.status === 401 &&
  response.headers["dpop-nonce"] !== undefined &&
  WwwAuthenticate.fromResponse(response).some(
    ({ algs, error, scheme }) =>
      scheme === "dpop" &&
      error === "use_dpop_nonce" &&
      constraint?.algorithm !== undefined &&
      (algs?.includes(constraint.algorithm) ?? true)
  )
