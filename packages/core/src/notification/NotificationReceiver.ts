/**
 * The client's notification endpoint: a route for any `HttpRouter`, and a function of `Request` for everything else.
 *
 * **Details**
 *
 * | the call | the answer |
 * | --- | --- |
 * | has a bearer of a request that is waiting, and its `auth_req_id` | 204, at once |
 * | comes again | 204, and nothing else happens |
 * | has no bearer, a strange one, or one of another request | 401 |
 * | is no POST | 405 |
 * | is no JSON by its type | 415 |
 * | is larger than 64 KiB (`maxBodySize`) | 413 |
 * | is malformed | 400 |
 * | takes longer than 10 seconds | 408 |
 * | could not be kept | 503 |
 *
 * - It never redirects, and reads no body for a stranger.
 *
 * **Gotchas**
 *
 * - Serve it over https, at the URL that is registered as `backchannel_client_notification_endpoint`, to the letter: a
 *   framework that redirects `/cb` to `/cb/` loses the call.
 *
 * @see CIBA Core 1.0 sections 9, 10.2 and 10.3
 */
import { Effect, type Layer, Option, Redacted, Result, Schema, Stream } from "effect"
import { HttpEffect, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import * as BoundedJson from "../internal/BoundedJson.ts"
import * as Notification from "./Notification.ts"
import { type Delivery, NotificationInbox } from "./NotificationInbox.ts"

/** The limits of a call. */
export interface Options {
  /** The largest body that is read, in bytes; 64 KiB by default. */
  readonly maxBodySize?: number | undefined
}

/** What answering needs. */
export type Requirements = HttpServerRequest.HttpServerRequest | NotificationInbox

/** Answers one call. */
export const handle = (options?: Options): Effect.Effect<HttpServerResponse.HttpServerResponse, never, Requirements> =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const inbox = yield* NotificationInbox
    if (request.method !== "POST") return answer(405, { allow: "POST" })
    const token = bearer(request.headers.authorization)
    if (token === undefined || !(yield* inbox.isExpected(token))) return unauthorized
    if (!isJson(request.headers["content-type"])) return answer(415)
    const body = yield* Effect.timeoutOrElse(read(request, options?.maxBodySize ?? 65_536), {
      duration: "10 seconds",
      orElse: () => Effect.succeed(Result.fail(408))
    })
    if (Result.isFailure(body)) return answer(body.failure)
    const notification = Option.flatMap(decodeJson(body.success), Notification.decode)
    if (Option.isNone(notification)) return answer(400)
    return yield* Effect.match(inbox.deliver(token, notification.value), {
      onSuccess: (delivery) => answers[delivery],
      onFailure: () => answer(503)
    })
  })

/** The endpoint as a route of the `HttpRouter` at hand. */
export const route = (
  path: HttpRouter.PathInput,
  options?: Options
): Layer.Layer<never, never, HttpRouter.HttpRouter | NotificationInbox> =>
  HttpRouter.use((router) =>
    Effect.flatMap(NotificationInbox, (inbox) =>
      router.add("*", path, Effect.provideService(handle(options), NotificationInbox, inbox))
    )
  )

/** The endpoint as a function, for frameworks that speak `Request` and `Response`. */
export const toWebHandler = (
  options?: Options
): Effect.Effect<(request: Request) => Promise<Response>, never, NotificationInbox> =>
  Effect.map(Effect.context<NotificationInbox>(), (context) => {
    const handler = HttpEffect.toWebHandlerWith<NotificationInbox, Requirements>(context)(handle(options))
    return (request) => handler(request)
  })

const answer = (
  status: number,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.empty({ status, headers: { "cache-control": "no-store", ...headers } })

const unauthorized = answer(401, { "www-authenticate": "Bearer" })

const answers: Readonly<Record<Delivery, HttpServerResponse.HttpServerResponse>> = {
  Accepted: answer(204),
  Duplicate: answer(204),
  Refused: unauthorized
}

const bearer = (authorization: string | undefined): Redacted.Redacted<string> | undefined => {
  const token = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i.exec(authorization?.slice(0, 1100) ?? "")?.[1]
  return token === undefined ? undefined : Redacted.make(token, { label: "client_notification_token" })
}

const isJson = (type: string | undefined): boolean => /^application\/json *(;|$)/i.test(type ?? "")

const decodeJson = Schema.decodeUnknownOption(BoundedJson.fromJsonString(Schema.Json))

/** The body as text, or the status that says why there is none. */
const read = (
  request: HttpServerRequest.HttpServerRequest,
  limit: number
): Effect.Effect<Result.Result<string, number>> =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let text = ""
    let size = 0
    return request.stream.pipe(
      Stream.mapError(() => 400),
      Stream.runForEach((chunk) => {
        size += chunk.byteLength
        if (size > limit) return Effect.fail(413)
        text += decoder.decode(chunk, { stream: true })
        return Effect.void
      }),
      Effect.map(() => text + decoder.decode()),
      Effect.result
    )
  })
