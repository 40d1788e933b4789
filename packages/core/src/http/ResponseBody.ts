/** Reads the body of a response within a size. */
import { Channel, Deferred, Effect, Option, Predicate, Stream } from "effect"
import { Cookies, Headers, HttpClientError, HttpClientResponse } from "effect/http"
import { BodyCollector, CollectedBody } from "./CollectedBody.ts"
import { TransportError } from "./TransportError.ts"

/** Why a body has no bytes: it is larger than the limit, or broke off. */
export type Failure = Exclude<CollectedBody, Uint8Array>

/** Reads a body to its end, or cancels it at the limit. */
export type Reader = (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<Uint8Array, Failure>

/** A reader with a limit. */
export const makeReader =
  (maxBytes: number): Reader =>
  (response) => {
    const body = collectedBody(response, maxBytes)
    if (body === undefined) return Effect.suspend(() => count(response, new BodyCollector(maxBytes)))
    return typeof body === "string" ? Effect.fail(body) : Effect.succeed(body)
  }

/** Cancels a body that is not read: it may still be arriving, and never end. */
export const cancel = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<void> =>
  Effect.ignoreCause(Effect.scopedWith((scope) => Channel.toPullScoped(Stream.toChannel(response.stream), scope)))

/** The response with a body that fails at the limit, however it is read. */
export const limit = (
  response: HttpClientResponse.HttpClientResponse,
  maxBytes: number,
  tooLarge: () => TransportError
): Effect.Effect<HttpClientResponse.HttpClientResponse> => {
  const { request, status } = response
  if (status === 101) return Effect.succeed(response)
  const headers = toWebHeaders(response)
  if (bodiless.includes(status)) {
    return Effect.as(cancel(response), HttpClientResponse.fromWeb(request, new Response(null, { headers, status })))
  }
  const stop: Deferred.Deferred<void> = Deferred.makeUnsafe()
  const limited = response.stream.pipe(
    Stream.catchIf(isEmpty, () => Stream.empty),
    Stream.limitBytes(
      maxBytes,
      (): Stream.Stream<never, HttpClientError.HttpClientError | TransportError> => Stream.fail(tooLarge())
    ),
    Stream.interruptWhen(Deferred.await(stop))
  )
  // Nothing is read before the caller reads.
  const body = Stream.toReadableStream(limited, { strategy: { highWaterMark: 0 } })
  // A status that is none counts as 500 (RFC 9110 section 15).
  const web = new Response(body, { headers, status: status >= 200 && status <= 599 ? status : 500 })
  return Effect.succeed(stopOnInterrupt(HttpClientResponse.fromWeb(request, web), Deferred.succeed(stop, undefined)))
}

/** What the client has collected of the body that is read here, which may have been collected within another limit. */
const collectedBody = (
  response: HttpClientResponse.HttpClientResponse,
  maxBytes: number
): CollectedBody | undefined => {
  if (!Predicate.hasProperty(response, CollectedBody) || hasOwnStream(response)) return undefined
  const body = response[CollectedBody]
  if (body instanceof Uint8Array) return body.byteLength > maxBytes ? "TooLarge" : body
  return body === "TooLarge" || body === "Unreadable" ? body : undefined
}

const count = (response: HttpClientResponse.HttpClientResponse, collected: BodyCollector) => {
  const web = hasOwnStream(response) ? undefined : Option.getOrUndefined(HttpClientResponse.toWeb(response))
  const read =
    web === undefined || web.body === null
      ? readStream(response.stream, collected)
      : readWeb(web.body, web.bodyUsed, collected)
  return Effect.flatMap(read, () =>
    collected.isTooLarge ? Effect.fail("TooLarge" as const) : Effect.succeed(collected.bytes)
  )
}

/** Whether a wrapper has given it another body, which `toWeb` would pass by. */
const hasOwnStream = (response: object): boolean => {
  const wrapped: unknown = Object.getPrototypeOf(response)
  return (
    Object.hasOwn(response, "stream") ||
    (Predicate.hasProperty(wrapped, HttpClientResponse.TypeId) && hasOwnStream(wrapped))
  )
}

/** Statuses whose responses have no content. */
const bodiless: ReadonlyArray<number> = [204, 205, 304]

/** Each cookie has a header of its own, which a record of headers cannot have. */
const toWebHeaders = (response: HttpClientResponse.HttpClientResponse): globalThis.Headers => {
  const headers = new globalThis.Headers(Headers.remove(response.headers, "set-cookie"))
  for (const cookie of Cookies.toSetCookieHeaders(response.cookies)) headers.append("set-cookie", cookie)
  return headers
}

const isEmpty = (error: HttpClientError.HttpClientError): boolean => error.reason._tag === "EmptyBodyError"

/** A `Response` goes on reading when the fiber that waits for it is interrupted. */
const stopOnInterrupt = (
  response: HttpClientResponse.HttpClientResponse,
  stop: Effect.Effect<unknown>
): HttpClientResponse.HttpClientResponse =>
  Object.create(
    response,
    Object.fromEntries(
      (["arrayBuffer", "text", "json", "formData", "urlParamsBody"] as const).map((name) => [
        name,
        { get: () => onInterrupt(response[name], stop) }
      ])
    )
  )

const onInterrupt = <E>(read: Effect.Effect<unknown, E>, stop: Effect.Effect<unknown>) =>
  Effect.onInterrupt(read, () => stop)

/** The reader of a web stream costs a third of what Effect's stream does, which aborts the request after each body. */
const readWeb = (
  body: ReadableStream<Uint8Array>,
  isUsed: boolean,
  collected: BodyCollector
): Effect.Effect<void, Failure> => {
  if (isUsed || body.locked) return Effect.fail("Unreadable")
  const reader = body.getReader()
  // Nothing waits for a cancellation, which may never settle.
  const cancel = () => void reader.cancel().catch(() => {})
  return Effect.callback((resume) => {
    const onChunk = ({ done, value }: ReadableStreamReadResult<Uint8Array>) => {
      if (value !== undefined) collected.add(value)
      if (collected.isTooLarge) cancel()
      if (done || collected.isTooLarge) resume(Effect.void)
      else next()
    }
    const onFailure = (cause: unknown) => {
      cancel()
      resume(Effect.fail(toFailure(cause)))
    }
    const next = () => void reader.read().then(onChunk).catch(onFailure)
    next()
    return Effect.sync(cancel)
  })
}

const readStream = <E>(stream: Stream.Stream<Uint8Array, E>, collected: BodyCollector): Effect.Effect<void, Failure> =>
  Stream.runForEachArray(Stream.mapError(stream, toFailure), (chunks) => {
    for (const chunk of chunks) collected.add(chunk)
    return collected.isTooLarge ? Effect.fail("TooLarge") : Effect.void
  })

const toFailure = (error: unknown): Failure => {
  const cause = HttpClientError.isHttpClientError(error) ? error.cause : error
  return cause instanceof TransportError && cause.kind === "TooLarge" ? "TooLarge" : "Unreadable"
}
