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
 * | cannot be looked up, or not be stored | 503 |
 * | meets an inbox that dies of a defect | 500 |
 *
 * - It never redirects, and it reads the body only after it has checked the token.
 * - What it refuses is an event of `events`, and a warning in the log, once a minute for each problem. Both say what was wrong.
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
import { Effect, type Layer, Option, Predicate, Redacted, Schema, Stream } from "effect"
import { memoize } from "effect/Function"
import { HttpEffect, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ensureByteLimit, type InvalidOption } from "../http/InvalidOption.ts"
import * as BoundedJson from "../internal/BoundedJson.ts"
import type { PendingStoreError } from "../pending/PendingStore.ts"
import * as Notification from "./Notification.ts"
import { NotificationInbox } from "./NotificationInbox.ts"
import { makeRefusals, type NotificationRefused, type Refusal } from "./NotificationRefused.ts"

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
 * @since 0.1.0
 * @stability unstable
 */
export type { NotificationRefused } from "./NotificationRefused.ts"

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
  Effect.flatMap(validate(options), handleWithin)

const handleWithin = (limit: number): Effect.Effect<HttpServerResponse.HttpServerResponse, never, Requirements> =>
  NotificationInbox.use((inbox) =>
    receive(inbox, limit).pipe(
      Effect.catchDefect((cause) => Effect.fail<Refusal>({ status: 500, problem: "the inbox has failed", cause })),
      Effect.matchEffect({
        onFailure: (refusal) => Effect.as(refusalsOf(inbox).report(refusal), toResponse(refusal)),
        onSuccess: () => Effect.succeed(respond(204))
      })
    )
  )

/** Those of all endpoints of an inbox together, also if one is made for each call. */
const refusalsOf = memoize((_: NotificationInbox["Service"]) => makeRefusals())

/**
 * The calls that the endpoints of the inbox refuse, from the moment of subscription. The newest 4096 are kept for each subscriber.
 *
 * They are no events of `Ciba.events`: a call that is refused belongs to no authentication, and the inbox may be shared by clients.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const events: Stream.Stream<NotificationRefused, never, NotificationInbox> = Stream.unwrap(
  Effect.map(NotificationInbox, (inbox) => refusalsOf(inbox).events)
)

const receive = Effect.fnUntraced(function* (
  inbox: NotificationInbox["Service"],
  limit: number
): Effect.fn.Return<void, Refusal, HttpServerRequest.HttpServerRequest> {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (request.method !== "POST") return yield* refuse(405, "it is no POST")
  const token = parseToken(request.headers.authorization)
  if (token === undefined) return yield* refuse(401, "it has no client notification token in its Authorization header")
  const found = yield* Effect.mapError(inbox.find(token), makeUnavailable("the inbox cannot be read"))
  if (Option.isNone(found)) return yield* refuse(401, unknownToken)
  if (!isJson(request.headers["content-type"])) return yield* refuse(415, "its content type is not application/json")
  const body = yield* Effect.timeoutOrElse(read(request, limit), {
    duration: "10 seconds",
    orElse: () => refuse(408, "its body did not arrive within 10 seconds")
  })
  const notification = Option.flatMap(decodeJson(body), Notification.decode)
  if (Option.isNone(notification))
    return yield* refuse(400, body === "" ? emptyBody : "its body is no JSON with an auth_req_id")
  const delivery = yield* Effect.mapError(found.value(notification.value), makeUnavailable("it could not be stored"))
  if (delivery === "Refused") return yield* refuse(401, "its auth_req_id is not that of its client notification token")
})

const makeRefusal = (status: number, problem: string): Refusal => ({ status, problem })

const makeUnavailable =
  (problem: string) =>
  (cause: PendingStoreError): Refusal => ({ status: 503, problem, cause })

const refuse = (status: number, problem: string): Effect.Effect<never, Refusal> =>
  Effect.fail(makeRefusal(status, problem))

const unknownToken =
  "no authentication has its client notification token: it is over, or was begun by a process with another inbox"

const emptyBody = "its body is empty; if a body parser has read it before, put the route before the parser"

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
      const limit = yield* validate(options)
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
    const limit = yield* validate(options)
    const context = yield* Effect.context<NotificationInbox>()
    const handler = HttpEffect.toWebHandlerWith<NotificationInbox, Requirements>(context)(handleWithin(limit))
    return (request) => handler(request)
  })

const validate = ({ maxBodySize = 65_536 }: Options = {}): Effect.Effect<number, InvalidOption> =>
  ensureByteLimit("maxBodySize", maxBodySize)

const respond = (
  status: number,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.empty({ status, headers: { "cache-control": "no-store", ...headers } })

const toResponse = ({ status }: Refusal): HttpServerResponse.HttpServerResponse =>
  respond(status, status === 401 ? { "www-authenticate": "Bearer" } : status === 405 ? { allow: "POST" } : {})

const parseToken = (authorization: string | undefined): Redacted.Redacted<string> | undefined => {
  const token = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i.exec(authorization?.slice(0, 1100) ?? "")?.[1]
  return token === undefined ? undefined : Redacted.make(token, { label: "client_notification_token" })
}

const isJson = (type: string | undefined): boolean => /^application\/json[ \t]*(;|$)/i.test(type ?? "")

const decodeJson = Schema.decodeUnknownOption(BoundedJson.Json)

const read = (request: HttpServerRequest.HttpServerRequest, limit: number): Effect.Effect<string, Refusal> =>
  isRead(request.source)
    ? refuse(400, "its body was read before: put the route before body parsers")
    : request.stream.pipe(
        Stream.mapError(() => makeRefusal(400, "its body broke off")),
        Stream.limitBytes(limit, () => Stream.fail(makeRefusal(413, `its body is larger than ${limit} bytes`))),
        Stream.mkUint8Array,
        Effect.map((bytes) => new TextDecoder().decode(bytes))
      )

/** Whether a framework has read the body of a `Request`, which throws when it is read again. */
const isRead = (source: object): boolean => Predicate.hasProperty(source, "bodyUsed") && source.bodyUsed === true
