/**
 * The HTTP of this library: sends every request over the `HttpClient` from the context, and enforces the limits.
 *
 * **When to use**
 *
 * `Ciba.layer` contains it. Use `Transport.layer` to build a client from single steps, and `Transport.json` or `Transport.text`
 * to read a resource's response within the limits.
 *
 * **Details**
 *
 * - https only; plain http to loopback addresses, or to hosts that are named, with an explicit option.
 * - No redirect is followed; no response is read beyond a size; no request lasts beyond a time.
 * - The bytes of a body are counted while it is read, after decoding, and it is cancelled at the limit, whatever its headers
 *   declare. `BodyLimit` is for clients that collect a body themselves.
 * - No trace context is sent to the provider. Each request has a span by OpenTelemetry's conventions for HTTP clients.
 * - `FetchHttpClient.RequestInit` from the context applies, except its `redirect`.
 *
 * **Example** (Reading a document within limits)
 *
 * ```ts
 * import { Transport } from "@effect-ciba/core"
 * import { Effect, Layer } from "effect"
 * import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
 *
 * const server = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(request, Response.json({ keys: [] })))
 * )
 * const limited = Transport.layer({ requestTimeout: "5 seconds", maxResponseSize: 10_000 })
 *
 * const program = Transport.Transport.use(({ exchange }) =>
 *   exchange(HttpClientRequest.get("https://op.example.com/jwks"))
 * ).pipe(Effect.provide(limited), Effect.provideService(HttpClient.HttpClient, server))
 *
 * const { body, status } = await Effect.runPromise(program)
 * ;[status, body] // => [200, { keys: [] }]
 * ```
 *
 * @see CIBA Core 1.0 section 7.1, FAPI 2.0 Security Profile 5.2.2
 */
import { Context, type Duration, Effect, Layer, Result, Schema } from "effect"
import { FetchHttpClient, type Headers, HttpClient, HttpClientRequest, type HttpClientResponse, Url } from "effect/http"
import * as BoundedJson from "../internal/BoundedJson.ts"
import * as Form from "./Form.ts"
import * as HttpSpan from "./HttpSpan.ts"
import type { InsecureHosts } from "./InsecureRequests.ts"
import * as InsecureRequests from "./InsecureRequests.ts"
import * as InteractionId from "./InteractionId.ts"
import { ensureByteLimit, ensureDuration, type InvalidOption } from "./InvalidOption.ts"
import * as ResponseBody from "./ResponseBody.ts"
import { hideRequest } from "./ResponseInspection.ts"
import * as RetryAfter from "./RetryAfter.ts"
import * as SendContext from "./SendContext.ts"
import { SenderConstraint } from "./SenderConstraint.ts"
import * as TimeLimit from "./TimeLimit.ts"
import { makeError, makeUnreachable, type TransportError } from "./TransportError.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export { BodyCollector, BodyLimit, CollectedBody } from "./CollectedBody.ts"
/**
 * @since 0.1.0
 * @stability unstable
 */
export type { InsecureHosts } from "./InsecureRequests.ts"
/**
 * @since 0.1.0
 * @stability unstable
 */
export { InvalidOption } from "./InvalidOption.ts"
/**
 * @since 0.1.0
 * @stability unstable
 */
export { parseRetryAfter } from "./RetryAfter.ts"
/**
 * @since 0.1.0
 * @stability unstable
 */
export { SendCheck } from "./SendCheck.ts"
/**
 * @since 0.1.0
 * @stability unstable
 */
export { Kind, makeError, makeStatusError, TransportError } from "./TransportError.ts"

/**
 * The limits of a request.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options {
  /**
   * The time for one request, its response included; 35 seconds by default, because a provider may hold a token request for
   * 30 seconds (CIBA Core 10.1).
   */
  readonly requestTimeout?: Duration.Input | undefined
  /** The largest response body, in bytes; 1 MiB by default. */
  readonly maxResponseSize?: number | undefined
  /**
   * Whether a success must return the `x-fapi-interaction-id` of its request; `false` by default. `Ciba.layer` sets it by the
   * profile.
   */
  readonly interactionIds?: boolean | undefined
  /**
   * `"loopback"` allows plain http to 127.0.0.0/8, [::1] and localhost, for tests and development; `InsecureHosts` to hosts of
   * one's own network, where it shows secrets to all that can read there. By default none is sent.
   */
  readonly allowInsecureRequests?: "loopback" | InsecureHosts | undefined
}

/**
 * A JSON response of any status.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface JsonResponse {
  readonly status: number
  readonly body: Schema.Json
  /** The delay that `Retry-After` asks for. */
  readonly retryAfter: Duration.Duration | undefined
  /** The method of the request. */
  readonly method: string
  /** The URL of the request. */
  readonly url: string
}

/**
 * A text response of any status.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface TextResponse extends Omit<JsonResponse, "body"> {
  readonly text: string
}

/**
 * Sends requests and reads responses.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /** Fails for a URL that no request is sent to: one that is not https, unless it is allowed, one with a password, and what is no URL. */
  readonly ensureAllowed: (
    request: Pick<HttpClientRequest.HttpClientRequest, "method" | "url">
  ) => Effect.Effect<void, TransportError>
  /** Sends a request and returns the response with its body unread. Printed, it does not show its request. */
  readonly send: (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, TransportError>
  /** Reads a response's body as text. */
  readonly text: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<TextResponse, TransportError>
  /** Reads a response's body as JSON. */
  readonly json: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<JsonResponse, TransportError>
  /** Sends a request and reads its response as JSON, with one time limit for both. */
  readonly exchange: (request: HttpClientRequest.HttpClientRequest) => Effect.Effect<JsonResponse, TransportError>
  /** The time for one request, its response included. */
  readonly requestTimeout: Duration.Duration
  /** The largest response body, in bytes. */
  readonly maxResponseSize: number
}

/**
 * HTTP with limits.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class Transport extends Context.Service<Transport, Service>()("@effect-ciba/core/Transport") {}

/**
 * A transport over the `HttpClient` from the context; fails for an invalid limit.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = Effect.fnUntraced(function* (
  options?: Options
): Effect.fn.Return<Service, InvalidOption, HttpClient.HttpClient> {
  const { maxBytes, requestTimeout } = yield* decodeLimits(options)
  const client = yield* HttpClient.HttpClient
  const constraint = yield* SenderConstraint
  const readBytes = ResponseBody.makeReader(maxBytes)
  const contexts = SendContext.make(yield* Effect.serviceOption(FetchHttpClient.RequestInit), maxBytes)
  const limitTime = TimeLimit.make(requestTimeout)

  const isAllowed = yield* InsecureRequests.make(options?.allowInsecureRequests)
  const isSent = ({ url }: Pick<HttpClientRequest.HttpClientRequest, "url">) => isAllowed(url)

  const receive = (
    request: HttpClientRequest.HttpClientRequest,
    contextOf: SendContext.SendContext
  ): Effect.Effect<Received, TransportError> =>
    isSent(request)
      ? Effect.matchEffect(Effect.updateContext(client.execute(request), contextOf), {
          onFailure: (error) => Effect.fail(makeUnreachable(error, request)),
          onSuccess: (response) => {
            const received = { headers: response.headers, response }
            const accepted = ensureAccepted(received, request, options?.interactionIds === true)
            return recordNonce(constraint, received, accepted)
          }
        })
      : Effect.fail(makeError("InsecureUrl", request))

  const limit = <A>(request: HttpClientRequest.HttpClientRequest, call: () => Effect.Effect<A, TransportError>) =>
    limitTime(Effect.suspend(call), () => makeError("TimedOut", request))

  const text: Read<TextResponse> = (received) => readText(received, readBytes)

  const json: Read<JsonResponse> = (received) => Effect.flatMap(text(received), parse)

  const read =
    <A>(readBody: Read<A>) =>
    (response: HttpClientResponse.HttpClientResponse) =>
      limit(response.request, () => readBody({ response, headers: response.headers }))

  const call = <A extends { readonly status: number }>(
    request: HttpClientRequest.HttpClientRequest,
    contextOf: SendContext.SendContext,
    readBody: Read<A>
  ) =>
    HttpSpan.trace(
      request,
      limit(request, () => Effect.flatMap(receive(request, contextOf), readBody))
    )

  return Transport.of({
    ensureAllowed: (request) => (isSent(request) ? ensureUrl(request) : Effect.fail(makeError("InsecureUrl", request))),
    send: (request) => call(request, contexts.unread, ({ response }) => Effect.succeed(hideRequest(response))),
    text: read(text),
    json: read(json),
    exchange: (request) => call(request, contexts.whole, json),
    requestTimeout,
    maxResponseSize: maxBytes
  })
})

/**
 * The transport of one client; fails for an invalid limit.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (options?: Options): Layer.Layer<Transport, InvalidOption, HttpClient.HttpClient> =>
  Layer.effect(Transport, make(options))

/**
 * A POST of form parameters that asks for JSON; later headers win.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const form = (
  url: string,
  parameters: ReadonlyArray<readonly [name: string, value: string]>,
  ...headers: ReadonlyArray<Headers.Input>
): HttpClientRequest.HttpClientRequest =>
  Form.setForm(
    HttpClientRequest.acceptJson(
      headers.reduce((request, more) => HttpClientRequest.setHeaders(request, more), HttpClientRequest.post(url))
    ),
    parameters
  )

/**
 * Fails with the status of a response, whose body is cancelled.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const failStatus = Effect.fnUntraced(function* (
  response: HttpClientResponse.HttpClientResponse
): Effect.fn.Return<never, TransportError> {
  yield* cancelBody(response)
  const retryAfter = yield* RetryAfter.read(response.headers)
  return yield* makeError("UnexpectedStatus", response.request, response.status, retryAfter)
})

/**
 * Cancels the body of a response that is not read: it may still be arriving, and never end.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const cancelBody: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<void> = ResponseBody.cancel

/**
 * The response with a size limit on its body, however that is read: a larger one fails with `TooLarge` as its cause.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const limitBody = (
  response: HttpClientResponse.HttpClientResponse,
  maxResponseSize: number
): Effect.Effect<HttpClientResponse.HttpClientResponse> =>
  Effect.map(
    ResponseBody.limit(response, maxResponseSize, () => makeError("TooLarge", response.request, response.status)),
    hideRequest
  )

const decodeLimits = Effect.fnUntraced(function* (options: Options | undefined) {
  const requestTimeout = yield* ensureDuration("requestTimeout", options?.requestTimeout ?? "35 seconds")
  const maxBytes = yield* ensureByteLimit("maxResponseSize", options?.maxResponseSize ?? 1_048_576)
  return { maxBytes, requestTimeout }
})

/** A response, and its headers: each access to `response.headers` reads them anew. */
interface Received {
  readonly response: HttpClientResponse.HttpClientResponse
  readonly headers: Headers.Headers
}

/** Reads a response, or a part of it. */
type Read<A> = (received: Received) => Effect.Effect<A, TransportError>

/** fetch sends nothing to a URL with a user's name or password. */
const ensureUrl: Service["ensureAllowed"] = (request) =>
  Result.match(Url.fromString(request.url), {
    onFailure: () => Effect.fail(makeError("Unreachable", request)),
    onSuccess: ({ password, username }) =>
      `${username}${password}` === "" ? Effect.void : Effect.fail(makeError("Unreachable", request))
  })

/** Goes on when a nonce of the response is recorded, if the client makes proofs. */
const recordNonce = <A, E>(
  { algorithm, recordResponse }: SenderConstraint,
  { headers, response: { request } }: Received,
  next: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  algorithm === undefined ? next : Effect.flatMap(recordResponse({ headers, request }), () => next)

/** Cancels the body of a response that is refused as it is. */
const ensureAccepted = (
  received: Received,
  request: HttpClientRequest.HttpClientRequest,
  interactionIds: boolean
): Effect.Effect<Received, TransportError> => {
  const { headers, response } = received
  const isEchoed = !interactionIds || response.status >= 300 || InteractionId.isEchoed(request, headers)
  if (isEchoed && !isRedirect(response.status)) return Effect.succeed(received)
  const kind = isRedirect(response.status) ? "Redirected" : "InteractionIdMismatch"
  return Effect.flatMap(cancelBody(response), () => Effect.fail(makeError(kind, request, response.status)))
}

const isRedirect = (status: number): boolean => status === 0 || (status >= 300 && status < 400)

const readText = (
  { headers, response }: Received,
  readBytes: ResponseBody.Reader
): Effect.Effect<TextResponse, TransportError> => {
  const { request, status } = response
  const { method, url } = request
  const read = (retryAfter: Duration.Duration | undefined): Effect.Effect<TextResponse, TransportError> =>
    Effect.mapBoth(readBytes(response), {
      onFailure: (kind) => unreadable({ status, retryAfter, method, url }, kind),
      onSuccess: (bytes) => ({ status, retryAfter, method, url, text: decoder.decode(bytes) })
    })
  return headers["retry-after"] === undefined ? read(undefined) : Effect.flatMap(RetryAfter.read(headers), read)
}

const parse = ({ text, ...head }: TextResponse): Effect.Effect<JsonResponse, TransportError> =>
  Effect.mapBoth(decodeJson(text), {
    onFailure: () => unreadable(head, "Unreadable"),
    onSuccess: (body) => ({ ...head, body })
  })

const decoder = new TextDecoder()

const decodeJson = Schema.decodeUnknownEffect(BoundedJson.Json)

const unreadable = (
  { status, retryAfter, ...request }: Omit<JsonResponse, "body">,
  kind: ResponseBody.Failure
): TransportError =>
  makeError(kind === "Unreadable" && status !== 200 ? "UnexpectedStatus" : kind, request, status, retryAfter)
