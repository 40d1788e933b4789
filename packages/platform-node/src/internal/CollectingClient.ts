/**
 * An HTTP client over undici that collects a body as it arrives where its caller will read the whole of it (`Transport.BodyLimit`):
 * the body of undici's `request` is a stream, which costs more. It does what fetch does and undici does not: it names itself, and
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
    Effect.withFiber<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>((fiber) => {
      const maxBytes = fiber.getRef(Transport.BodyLimit)
      return maxBytes === undefined || !isWhole(request.body)
        ? Effect.map(streaming.execute(request), ContentDecoding.decode)
        : collect(dispatcher, request, maxBytes, fiber)
    })
  // Named before it is sent: `HttpClient.withScope` knows a request by its identity.
  return HttpClient.makeWith<HttpClientError.HttpClientError, never, HttpClientError.HttpClientError, never>(
    Effect.flatMap(send),
    (request) => Effect.succeed(addName(request))
  )
})

const addName = (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest =>
  request.headers["user-agent"] === undefined ? HttpClientRequest.setHeader(request, "user-agent", userAgent) : request

const isWhole = ({ _tag }: HttpBody.HttpBody): boolean => _tag === "Empty" || _tag === "Uint8Array"

/** The caller limits the time. */
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
    const receive = (head: Head, body: Transport.CollectedBody) =>
      Effect.sync(() => {
        const response = new CollectedResponse(request, origin + path, head, body)
        return typeof body === "string" ? response : ContentDecoding.decode(response)
      })
    const collector = new Collector(maxBytes, (outcome) => {
      const next =
        "cause" in outcome
          ? fail(new HttpClientError.TransportError({ request, cause: outcome.cause }))
          : receive(outcome.head, outcome.body)
      // The fiber resumes outside of undici's parser.
      queueMicrotask(() => resume(next))
    })
    dispatcher.dispatch(options, collector)
    return Effect.sync(() => collector.abort(new Error("the request was interrupted")))
  })
}

const fail = (reason: HttpClientError.HttpClientErrorReason) =>
  Effect.fail(new HttpClientError.HttpClientError({ reason }))

/** Its body, which may never end, says nothing. */
const isRedirect = (status: number): boolean => status >= 300 && status < 400

/** What becomes of a request. */
type Outcome = { readonly head: Head; readonly body: Transport.CollectedBody } | { readonly cause: unknown }

/** Collects the body of one response up to a limit, beyond which it closes the connection. Tells one outcome; what follows is ignored. */
class Collector implements Undici.Dispatcher.DispatchHandler {
  readonly #body: Transport.BodyCollector
  readonly #onOutcome: (outcome: Outcome) => void
  #head: Head | undefined = undefined
  #controller: Undici.Dispatcher.DispatchController | undefined = undefined
  #aborted: Error | undefined = undefined

  constructor(maxBytes: number, onOutcome: (outcome: Outcome) => void) {
    this.#body = new Transport.BodyCollector(maxBytes)
    this.#onOutcome = onOutcome
  }

  /** Also before the request is under way: it is then aborted when its turn comes. */
  abort(reason: Error): void {
    this.#aborted ??= reason
    this.#controller?.abort(reason)
  }

  onRequestStart(controller: Undici.Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#aborted !== undefined) controller.abort(this.#aborted)
  }

  onResponseStart(_: Undici.Dispatcher.DispatchController, status: number, headers: Head["headers"]): void {
    // An interim response is followed by the final one (RFC 9110 section 15.2).
    if (status < 200) return
    this.#head = { status, headers }
    if (isRedirect(status)) this.#end("a redirect is not read", { head: this.#head, body: "Unreadable" })
  }

  onResponseData(_: Undici.Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#aborted !== undefined || this.#head === undefined) return
    this.#body.add(chunk)
    if (this.#body.isTooLarge)
      this.#end("the response is larger than the limit", { head: this.#head, body: "TooLarge" })
  }

  onResponseEnd(): void {
    this.#onOutcome(
      this.#head === undefined
        ? { cause: new Error("there is no response") }
        : { head: this.#head, body: this.#body.bytes }
    )
  }

  /** undici goes on reading the body of a proxy's 407, unless the connection is closed. */
  onResponseError(_: unknown, cause: unknown): void {
    if (this.#aborted !== undefined) return
    this.#end("the request has failed", this.#head === undefined ? { cause } : { head: this.#head, body: "Unreadable" })
  }

  #end(reason: string, outcome: Outcome): void {
    this.abort(new Error(reason))
    this.#onOutcome(outcome)
  }
}
