/**
 * An HTTP client over undici that collects a body as it arrives where its caller will read the whole of it (`Transport.BodyLimit`):
 * that takes half the time of undici's `request`, whose body is a stream. It does what fetch does and undici does not: it names itself, and
 * decodes bodies.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type * as Undici from "@effect/platform-node/Undici"
import { Transport } from "@effect-ciba/core"
import { Effect, type Fiber, Option, Result } from "effect"
import {
  type HttpBody,
  HttpClient,
  HttpClientError,
  HttpClientRequest,
  type HttpClientResponse,
  Url
} from "effect/http"
import { CollectedResponse, type Head } from "./CollectedResponse.ts"
import * as ContentDecoding from "./ContentDecoding.ts"
import { userAgent } from "./UserAgent.ts"
import * as WriteCheck from "./WriteCheck.ts"

/** The client over the dispatcher of the context. */
export const make: Effect.Effect<HttpClient.HttpClient, never, NodeHttpClient.Dispatcher> = Effect.gen(function* () {
  const dispatcher = yield* NodeHttpClient.Dispatcher
  const streaming = WriteCheck.attach(yield* NodeHttpClient.makeUndici)
  const send = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.withFiber((fiber) => {
      const maxBytes = fiber.getRef(Transport.BodyLimit)
      return maxBytes === undefined || !isWhole(request.body)
        ? Effect.map(streaming.execute(request), ContentDecoding.decode)
        : collect(dispatcher, request, maxBytes, fiber)
    })
  return HttpClient.makeWith<HttpClientError.HttpClientError, never, HttpClientError.HttpClientError, never>(
    Effect.flatMap((request) => send(addName(request))),
    Effect.succeed
  )
})

const addName = (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest =>
  request.headers["user-agent"] === undefined ? HttpClientRequest.setHeader(request, "user-agent", userAgent) : request

const isWhole = ({ _tag }: HttpBody.HttpBody): boolean => _tag === "Empty" || _tag === "Uint8Array"

/** Time is limited by who calls. */
const timeouts = { headersTimeout: 60 * 60 * 1000, bodyTimeout: 0 }

const collect = (
  dispatcher: Undici.Dispatcher,
  request: HttpClientRequest.HttpClientRequest,
  maxBytes: number,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> => {
  const { body, headers, method } = request
  const made = Url.make(request.url, request.urlParams, Option.getOrUndefined(request.hash))
  if (Result.isFailure(made)) return fail(new HttpClientError.InvalidUrlError({ request, cause: made.failure }))
  const { origin, pathname, search } = made.success
  const path = pathname + search
  const options = {
    ...fiber.getRef(NodeHttpClient.UndiciOptions),
    ...WriteCheck.toOptions(fiber.getRef(Transport.SendCheck)),
    ...timeouts,
    origin,
    path,
    method,
    headers,
    body: body._tag === "Uint8Array" ? body.body : null
  }
  return Effect.callback((resume) => {
    const collector = new Collector(maxBytes, {
      onBody: (head, body) => {
        const response = new CollectedResponse(request, origin + path, head, body)
        resume(Effect.succeed(typeof body === "string" ? response : ContentDecoding.decode(response)))
      },
      onFailure: (cause) => resume(fail(new HttpClientError.TransportError({ request, cause })))
    })
    dispatcher.dispatch(options, collector)
    return Effect.sync(() => collector.abort(new Error("the request was interrupted")))
  })
}

const fail = (reason: HttpClientError.HttpClientErrorReason) =>
  Effect.fail(new HttpClientError.HttpClientError({ reason }))

/** What becomes of a request: one of both is called once, unless it is aborted. */
interface Outcome {
  readonly onBody: (head: Head, body: Transport.CollectedBody) => void
  readonly onFailure: (cause: unknown) => void
}

/** Collects the body of one response up to a limit, beyond which it closes the connection. */
class Collector implements Undici.Dispatcher.DispatchHandler {
  readonly #maxBytes: number
  readonly #outcome: Outcome
  readonly #chunks: Array<Uint8Array> = []
  #length = 0
  #head: Head | undefined = undefined
  #controller: Undici.Dispatcher.DispatchController | undefined = undefined
  #aborted: Error | undefined = undefined

  constructor(maxBytes: number, outcome: Outcome) {
    this.#maxBytes = maxBytes
    this.#outcome = outcome
  }

  /** Also before the request is under way: undici then aborts it when its turn comes. */
  abort(reason: Error): void {
    this.#aborted = reason
    this.#controller?.abort(reason)
  }

  onRequestStart(controller: Undici.Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#aborted !== undefined) controller.abort(this.#aborted)
  }

  onResponseStart(_: Undici.Dispatcher.DispatchController, status: number, headers: Head["headers"]): void {
    // An interim response is followed by the final one (RFC 9110 section 15.2).
    if (status >= 200) this.#head = { status, headers }
  }

  onResponseData(_: Undici.Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#length += chunk.byteLength
    if (this.#length <= this.#maxBytes || this.#head === undefined) return
    this.#outcome.onBody(this.#head, "TooLarge")
    this.abort(new Error("the response is larger than the limit"))
  }

  /** What goes on with the response does so outside of undici's parser. */
  onResponseEnd(): void {
    queueMicrotask(() => this.#head && this.#outcome.onBody(this.#head, Buffer.concat(this.#chunks, this.#length)))
  }

  onResponseError(_: unknown, cause: unknown): void {
    if (this.#aborted !== undefined) return
    if (this.#head === undefined) this.#outcome.onFailure(cause)
    else this.#outcome.onBody(this.#head, "Unreadable")
  }
}
