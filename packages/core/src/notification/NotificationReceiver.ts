/**
 * The client's notification endpoint, to which the provider sends pings and pushes: a route for an `HttpRouter`, and a
 * function of `Request` for every other framework.
 *
 * **When to use**
 *
 * In ping and push mode, within a server of your own. `NodeNotificationServer` of `@effect-ciba/platform-node` is a whole
 * server.
 *
 * **Details**
 *
 * | the request | the response |
 * | --- | --- |
 * | has the client notification token of a pending authentication, and its `auth_req_id` | 204, at once |
 * | repeats a notification | 204, without any effect |
 * | has no client notification token, an unknown one, or that of another authentication | 401 |
 * | is not a POST | 405 |
 * | is not `application/json` | 415 |
 * | is larger than 64 KiB (`maxBodySize`) | 413 |
 * | is malformed | 400 |
 * | takes longer than 10 seconds | 408 |
 * | is a push that could not be stored | 503 |
 *
 * - It never redirects, and it reads the body only after it has checked the token.
 *
 * **Gotchas**
 *
 * - Serve it over https at exactly the URL that is registered as `backchannel_client_notification_endpoint`: a framework
 *   that redirects `/cb` to `/cb/` loses the notification.
 *
 * **Example** (A request with an unknown client notification token)
 *
 * ```ts
 * import { NotificationInbox, NotificationReceiver } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const status = Effect.gen(function* () {
 *   const handle = yield* NotificationReceiver.toWebHandler()
 *   const headers = { authorization: "Bearer unknown", "content-type": "application/json" }
 *   const request = new Request("https://client.example/ciba", { method: "POST", headers, body: "{}" })
 *   const response = yield* Effect.promise(() => handle(request))
 *   return response.status
 * })
 *
 * await Effect.runPromise(Effect.provide(status, NotificationInbox.layer)) // => 401
 * ```
 *
 * @see CIBA Core 1.0 sections 9, 10.2 and 10.3
 */
import { Effect, type Layer, Option, Redacted, Result, Schema, Stream } from "effect"
import { HttpEffect, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ensureByteLimit, type InvalidOption } from "../http/InvalidOption.ts"
import * as BoundedJson from "../internal/BoundedJson.ts"
import * as Notification from "./Notification.ts"
import { type Delivery, NotificationInbox } from "./NotificationInbox.ts"

/**
 * The limits of a notification.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options {
  /** The largest body that is read: a whole number of bytes above zero; 64 KiB by default. */
  readonly maxBodySize?: number | undefined
}

/**
 * The request, and the inbox that its notification is for.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Requirements = HttpServerRequest.HttpServerRequest | NotificationInbox

/**
 * Handles one request of the provider.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const handle = (
  options?: Options
): Effect.Effect<HttpServerResponse.HttpServerResponse, InvalidOption, Requirements> =>
  Effect.flatMap(validateLimit(options), handleWithin)

const handleWithin = (limit: number): Effect.Effect<HttpServerResponse.HttpServerResponse, never, Requirements> =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const inbox = yield* NotificationInbox
    if (request.method !== "POST") return respond(405, { allow: "POST" })
    const token = parseToken(request.headers.authorization)
    if (token === undefined || !(yield* inbox.isExpected(token))) return unauthorized
    if (!isJson(request.headers["content-type"])) return respond(415)
    const body = yield* Effect.timeoutOrElse(read(request, limit), {
      duration: "10 seconds",
      orElse: () => Effect.succeed(Result.fail(408))
    })
    if (Result.isFailure(body)) return respond(body.failure)
    const notification = Option.flatMap(decodeJson(body.success), Notification.decode)
    if (Option.isNone(notification)) return respond(400)
    return yield* Effect.match(inbox.deliver(token, notification.value), {
      onSuccess: (delivery) => responses[delivery],
      onFailure: () => respond(503)
    })
  })

/**
 * Adds the endpoint to the `HttpRouter` of the context, for every method: a redirect or a 404 would lose a notification.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const route = (
  path: HttpRouter.PathInput,
  options?: Options
): Layer.Layer<never, InvalidOption, HttpRouter.HttpRouter | NotificationInbox> =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const limit = yield* validateLimit(options)
      const inbox = yield* NotificationInbox
      yield* router.add("*", path, Effect.provideService(handleWithin(limit), NotificationInbox, inbox))
    })
  )

/**
 * The endpoint as a function, for frameworks that use `Request` and `Response`.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const toWebHandler = (
  options?: Options
): Effect.Effect<(request: Request) => Promise<Response>, InvalidOption, NotificationInbox> =>
  Effect.gen(function* () {
    const limit = yield* validateLimit(options)
    const context = yield* Effect.context<NotificationInbox>()
    const handler = HttpEffect.toWebHandlerWith<NotificationInbox, Requirements>(context)(handleWithin(limit))
    return (request) => handler(request)
  })

const validateLimit = ({ maxBodySize = 65_536 }: Options = {}): Effect.Effect<number, InvalidOption> =>
  ensureByteLimit("maxBodySize", maxBodySize)

const respond = (
  status: number,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.empty({ status, headers: { "cache-control": "no-store", ...headers } })

const unauthorized = respond(401, { "www-authenticate": "Bearer" })

const responses: Readonly<Record<Delivery, HttpServerResponse.HttpServerResponse>> = {
  Accepted: respond(204),
  Duplicate: respond(204),
  Refused: unauthorized
}

const parseToken = (authorization: string | undefined): Redacted.Redacted<string> | undefined => {
  const token = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i.exec(authorization?.slice(0, 1100) ?? "")?.[1]
  return token === undefined ? undefined : Redacted.make(token, { label: "client_notification_token" })
}

const isJson = (type: string | undefined): boolean => /^application\/json *(;|$)/i.test(type ?? "")

const decodeJson = Schema.decodeUnknownOption(BoundedJson.Json)

/** The body as text, or the status that reports why it cannot be read. */
const read = (
  request: HttpServerRequest.HttpServerRequest,
  limit: number
): Effect.Effect<Result.Result<string, number>> =>
  request.stream.pipe(
    Stream.mapError(() => 400),
    Stream.limitBytes(limit, () => Stream.fail(413)),
    Stream.mkUint8Array,
    Effect.map((bytes) => new TextDecoder().decode(bytes)),
    Effect.result
  )
