/**
 * How the client speaks HTTP: every request of this library goes through here.
 *
 * **Details**
 *
 * - https only; plain http for loopback alone, by an explicit option.
 * - No redirect is followed, no answer is read beyond a size, no call lasts beyond a time. A body whose length is told is
 *   read in one piece: HTTP clients hold the server to it.
 * - No trace id leaves for the provider. A call is a `HttpSpan`.
 * - The `HttpClient` is injected: fetch, undici, or a provider in memory. What `FetchHttpClient.RequestInit` tells fetch
 *   is kept, its `redirect` apart.
 *
 * @see CIBA Core 7.1, FAPI 2.0 Security Profile 5.2.2
 */
import { Clock, Context, DateTime, Duration, Effect, Layer, Option, Predicate, Schema, Stream } from "effect"
import {
  FetchHttpClient,
  type Headers,
  HttpClient,
  type HttpClientError,
  HttpClientRequest,
  type HttpClientResponse
} from "effect/http"
import * as BoundedJson from "../internal/BoundedJson.ts"
import * as HttpSpan from "./HttpSpan.ts"
import { redactUrl } from "./HttpUrl.ts"
import * as InteractionId from "./InteractionId.ts"
import { SenderConstraint } from "./SenderConstraint.ts"
import { type Kind, TransportError } from "./TransportError.ts"

export { Kind, TransportError } from "./TransportError.ts"

/** The limits of a call. */
export interface Options {
  /** Time for one call, answer included. More than 30 seconds, because a provider may hold a poll that long (CIBA Core 10.1). */
  readonly requestTimeout?: Duration.Input | undefined
  /** The largest answer that is read, in bytes. */
  readonly maxResponseSize?: number | undefined
  /** Whether an answer has to give back the `x-fapi-interaction-id` of its request; as the profile has it by default. */
  readonly interactionIds?: boolean | undefined
  /** Plain http to 127.0.0.0/8, [::1] and localhost, for tests and development. */
  readonly allowInsecureRequests?: "loopback" | undefined
}

/** A JSON answer of any status. */
export interface JsonResponse {
  readonly status: number
  readonly body: Schema.Json
  /** How long the server asks to wait. */
  readonly retryAfter: Duration.Duration | undefined
  readonly method: string
  readonly url: string
}

/** A text answer of any status. */
export interface TextResponse extends Omit<JsonResponse, "body"> {
  readonly text: string
}

/** What the client can do over HTTP. */
export interface Service {
  /** Sends a request and gives the response, its body unread. */
  readonly send: (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, TransportError>
  /** Reads a response's body as text, within the limits. */
  readonly text: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<TextResponse, TransportError>
  /** Reads a response's body as JSON, within the limits. */
  readonly json: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<JsonResponse, TransportError>
  /** Sends a request and reads its response: one call, with one time limit. */
  readonly exchange: (request: HttpClientRequest.HttpClientRequest) => Effect.Effect<JsonResponse, TransportError>
}

/** The client's way to speak HTTP. */
export class Transport extends Context.Service<Transport, Service>()("@effect-ciba/core/Transport") {}

/** Makes the transport over the `HttpClient` at hand. Default limits: 35 seconds, 1 MiB. */
export const make = Effect.fnUntraced(function* (
  options?: Options
): Effect.fn.Return<Service, never, HttpClient.HttpClient> {
  const client = yield* HttpClient.HttpClient
  const constraint = yield* SenderConstraint
  const init = yield* Effect.serviceOption(FetchHttpClient.RequestInit)
  const requestTimeout = Duration.fromInputUnsafe(options?.requestTimeout ?? "35 seconds")
  const maxBytes = options?.maxResponseSize ?? 1_048_576

  const bounded = <A>(
    effect: Effect.Effect<A, TransportError>,
    request: HttpClientRequest.HttpClientRequest
  ): Effect.Effect<A, TransportError> =>
    Effect.timeoutOrElse(effect, {
      duration: requestTimeout,
      orElse: () => Effect.fail(makeError("TimedOut", request))
    })

  const send: Service["send"] = (request) =>
    isAllowed(request.url, options?.allowInsecureRequests)
      ? client.execute(request).pipe(
          Effect.updateContext(withoutRedirects(init)),
          Effect.provideService(HttpClient.TracerDisabledWhen, () => true),
          Effect.mapError((error) => unreachable(error, request)),
          Effect.tap(constraint.recordResponse),
          Effect.filterOrElse(
            (response) => !isRedirect(response.status),
            (response) =>
              Effect.andThen(cancelBody(response), Effect.fail(makeError("Redirected", request, response.status)))
          ),
          Effect.filterOrElse(
            (response) => options?.interactionIds !== true || InteractionId.isEchoed(request, response),
            (response) =>
              Effect.andThen(
                cancelBody(response),
                Effect.fail(makeError("InteractionIdMismatch", request, response.status))
              )
          )
        )
      : Effect.fail(makeError("InsecureUrl", request))

  const text: Service["text"] = Effect.fnUntraced(function* (response) {
    const { request, status } = response
    const wish = parseRetryAfter(response.headers, yield* Clock.currentTimeMillis)
    const bytes = yield* Effect.mapError(readBytes(response, maxBytes), (problem) =>
      problem === "TooLarge" ? makeError(problem, request, status, wish) : unreadable(request, status, wish)
    )
    return { status, text: new TextDecoder().decode(bytes), retryAfter: wish, method: request.method, url: request.url }
  })

  const json: Service["json"] = Effect.fnUntraced(function* (response) {
    const { text: read, ...answer } = yield* text(response)
    const body = yield* Effect.mapError(decodeJson(read), () => unreadable(answer, answer.status, answer.retryAfter))
    return { ...answer, body }
  })

  return Transport.of({
    send: (request) => HttpSpan.trace(request, bounded(send(request), request)),
    text: (response) => bounded(text(response), response.request),
    json: (response) => bounded(json(response), response.request),
    exchange: (request) => HttpSpan.trace(request, bounded(Effect.flatMap(send(request), json), request))
  })
})

/** The transport as a layer. */
export const layer = (options?: Options): Layer.Layer<Transport, never, HttpClient.HttpClient> =>
  Layer.effect(Transport, make(options))

/** A POST of form parameters that asks for JSON; later headers win. */
export const form = (
  url: string,
  parameters: ReadonlyArray<readonly [name: string, value: string]>,
  ...headers: ReadonlyArray<Headers.Input>
): HttpClientRequest.HttpClientRequest =>
  headers
    .reduce<HttpClientRequest.HttpClientRequest>(
      (request, more) => HttpClientRequest.setHeaders(request, more),
      HttpClientRequest.post(url)
    )
    .pipe(HttpClientRequest.acceptJson, HttpClientRequest.bodyUrlParams(parameters))

/**
 * The wait that a server asks for with `Retry-After`: seconds, or an HTTP date against `now` (milliseconds since the
 * epoch), at most ten years. Dates that have passed and text that is neither are no wish.
 *
 * @see RFC 9110 section 10.2.3
 */
export const parseRetryAfter = (headers: Headers.Headers, now: number): Duration.Duration | undefined => {
  const value = headers["retry-after"]?.trim()
  if (value === undefined) return undefined
  if (/^\d+$/.test(value)) return Duration.min(Duration.seconds(Number(value)), tenYears)
  const date = Schema.decodeUnknownOption(Schema.DateTimeUtcFromHttpDate)(value)
  return Option.match(date, {
    onNone: () => undefined,
    onSome: (at) => {
      const wait = DateTime.toEpochMillis(at) - now
      return wait > 0 ? Duration.min(Duration.millis(wait), tenYears) : undefined
    }
  })
}

/** A fault of this request. */
export const makeError = (
  kind: typeof Kind.Type,
  request: { readonly method: string; readonly url: string },
  status?: number,
  wish?: Duration.Duration
): TransportError =>
  new TransportError({
    kind,
    method: request.method,
    url: redactUrl(request.url),
    ...(status === undefined ? undefined : { status }),
    ...(wish === undefined ? undefined : { retryAfter: wish })
  })

/** Ends the connection of a response that nobody will read: its body may still be coming, and never end. */
export const cancelBody = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<void> =>
  Effect.asVoid(Effect.scoped(Stream.toPull(response.stream)))

/** What fetch is told besides: what the caller tells it, when the layer is made or the call, and no redirect. */
const withoutRedirects =
  (init: Option.Option<RequestInit>) =>
  (context: Context.Context<never>): Context.Context<FetchHttpClient.RequestInit> =>
    Context.add(context, FetchHttpClient.RequestInit, {
      ...Option.getOrUndefined(init),
      ...Context.getOrUndefined(context, FetchHttpClient.RequestInit),
      redirect: "manual"
    })

const tenYears = /* @__PURE__ */ Duration.days(3650)

const unreachable = (
  error: HttpClientError.HttpClientError,
  request: HttpClientRequest.HttpClientRequest
): TransportError => {
  const code = causes(error)
    .map(codeOf)
    .find((found) => found !== undefined)
  const plain = makeError("Unreachable", request)
  return code === undefined
    ? plain
    : new TransportError({ kind: plain.kind, method: plain.method, url: plain.url, code })
}

/** An error with its causes, a few of them: one may be its own. */
const causes = (error: unknown, depth = 10): ReadonlyArray<unknown> =>
  depth > 0 && Predicate.hasProperty(error, "cause") && error.cause !== undefined
    ? [error, ...causes(error.cause, depth - 1)]
    : [error]

const codeOf = (error: unknown): string | undefined =>
  Predicate.hasProperty(error, "code") && typeof error.code === "string" && /^[A-Z][A-Z0-9_]{2,60}$/.test(error.code)
    ? error.code
    : undefined

const isRedirect = (status: number): boolean => status === 0 || (status >= 300 && status < 400)

const loopback = /^http:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?(\/|$)/i

const isAllowed = (url: string, insecure: "loopback" | undefined): boolean =>
  /^https:\/\//i.test(url) || (insecure === "loopback" && loopback.test(url))

const decodeJson = Schema.decodeUnknownEffect(BoundedJson.fromJsonString(Schema.Json))

const unreadable = (
  request: { readonly method: string; readonly url: string },
  status: number,
  wish: Duration.Duration | undefined
): TransportError => makeError(status === 200 ? "Unreadable" : "UnexpectedStatus", request, status, wish)

/** The body: in one piece where its length is told, and HTTP holds the server to it; else piece by piece. */
const readBytes = (
  response: HttpClientResponse.HttpClientResponse,
  maxBytes: number
): Effect.Effect<Uint8Array, "TooLarge" | "Unreadable"> =>
  declaredLength(response) <= maxBytes
    ? Effect.mapBoth(response.arrayBuffer, {
        onFailure: () => "Unreadable" as const,
        onSuccess: (buffer) => new Uint8Array(buffer)
      })
    : readStream(response, maxBytes)

const declaredLength = ({ headers }: HttpClientResponse.HttpClientResponse): number =>
  headers["content-encoding"] === undefined && /^\d{1,15}$/.test(headers["content-length"] ?? "")
    ? Number(headers["content-length"])
    : Number.POSITIVE_INFINITY

const readStream = (
  { stream }: HttpClientResponse.HttpClientResponse,
  maxBytes: number
): Effect.Effect<Uint8Array, "TooLarge" | "Unreadable"> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    let size = 0
    return stream.pipe(
      Stream.mapError(() => "Unreadable" as const),
      Stream.runForEach((chunk) => {
        chunks.push(chunk)
        size += chunk.byteLength
        return size > maxBytes ? Effect.fail("TooLarge" as const) : Effect.void
      }),
      Effect.map(() => concat(chunks, size))
    )
  })

const concat = (chunks: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  const bytes = new Uint8Array(size)
  chunks.reduce((offset, chunk) => {
    bytes.set(chunk, offset)
    return offset + chunk.byteLength
  }, 0)
  return bytes
}
