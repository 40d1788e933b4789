import { describe, expect, it } from "@effect/vitest"
import { NotificationInbox, NotificationReceiver } from "@effect-ciba/core"
import { DateTime, type Duration, Effect, Fiber, Layer, Option } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { pending } from "../support/PendingAuthentications.ts"

const url = "https://client.test/ciba"

const waiting = pending("a", { expiresAt: DateTime.makeUnsafe("2100-01-01T00:00:00Z") })

const json = { "content-type": "application/json", authorization: "Bearer token-a" }

interface NotificationRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** An endpoint that expects a notification for the pending authentication `a`. */
const makeEndpoint = Effect.gen(function* () {
  const inbox = yield* NotificationInbox.NotificationInbox
  const handle = yield* NotificationReceiver.toWebHandler({ maxBodySize: 1000 })
  yield* inbox.acknowledge(waiting)
  const send = ({ body = '{"auth_req_id":"request-a"}', headers = json, method = "POST" }: NotificationRequest = {}) =>
    Effect.promise(() => handle(new Request(url, { method, headers, ...(method === "GET" ? undefined : { body }) })))
  const isNotified = (within: Duration.Input) =>
    Effect.map(Effect.timeoutOption(inbox.await(waiting), within), Option.isSome)
  return { send, inbox, isNotified }
})

const requests: ReadonlyArray<
  readonly [what: string, request: NotificationRequest, status: number, isDelivered: boolean]
> = [
  ["as in the specification (K1, K4)", {}, 204, true],
  ["with unknown members (K6, L11)", { body: '{"auth_req_id":"request-a","foo":[1]}' }, 204, true],
  ["with a charset (K1)", { headers: { ...json, "content-type": "application/json; charset=utf-8" } }, 204, true],
  [
    "with white space around its media type (K1)",
    { headers: { ...json, "content-type": "application/json\t; a=b" } },
    204,
    true
  ],
  ["with the scheme in lower case (K20)", { headers: { ...json, authorization: "bearer token-a" } }, 204, true],
  ["by GET (K1)", { method: "GET" }, 405, false],
  ["by PUT (K1)", { method: "PUT" }, 405, false],
  [
    "with the content type of a form (K1)",
    { headers: { ...json, "content-type": "application/x-www-form-urlencoded" } },
    415,
    false
  ],
  ["without a content type (K1)", { headers: { authorization: "Bearer token-a" } }, 415, false],
  ["without a client notification token (K3)", { headers: { "content-type": "application/json" } }, 401, false],
  [
    "with an unknown client notification token (K3)",
    { headers: { ...json, authorization: "Bearer token-x" } },
    401,
    false
  ],
  ["with another authentication scheme (K3)", { headers: { ...json, authorization: "Basic token-a" } }, 401, false],
  [
    "with two tokens in one header (K3)",
    { headers: { ...json, authorization: "Bearer token-a, Bearer token-a" } },
    401,
    false
  ],
  ["with another request's auth_req_id (K2, K8)", { body: '{"auth_req_id":"request-b"}' }, 401, false],
  ["with a body beyond the limit (K17)", { body: `{"auth_req_id":"request-a","x":"${"x".repeat(1000)}"}` }, 413, false],
  ["with incomplete JSON (K17)", { body: '{"auth_req_id":"request-a"' }, 400, false],
  ["with an empty body (K17)", { body: "" }, 400, false],
  ["with an array (K17)", { body: '["request-a"]' }, 400, false],
  ["without an auth_req_id (K17)", { body: "{}" }, 400, false],
  ["with an auth_req_id that is not a string (K17)", { body: '{"auth_req_id":7}' }, 400, false],
  ["with an empty auth_req_id (K17)", { body: '{"auth_req_id":""}' }, 400, false]
]

describe("NotificationReceiver", () => {
  for (const [what, request, status, isDelivered] of requests) {
    it.live(
      `responds ${status} to a notification ${what}, and ${isDelivered ? "delivers" : "does not deliver"} it`,
      () =>
        Effect.gen(function* () {
          const endpoint = yield* makeEndpoint
          const response = yield* endpoint.send(request)
          expect(response.status).toBe(status)
          expect(yield* Effect.promise(() => response.text())).toBe("")
          expect(response.headers.get("www-authenticate")).toBe(status === 401 ? "Bearer" : null)
          expect(response.headers.get("allow")).toBe(status === 405 ? "POST" : null)
          expect(yield* endpoint.isNotified(isDelivered ? "5 seconds" : "20 millis")).toBe(isDelivered)
        }).pipe(Effect.provide(NotificationInbox.layer))
    )
  }

  it.live("responds 204 to every repetition of a notification, and never redirects (K5, K9)", () =>
    Effect.gen(function* () {
      const { send } = yield* makeEndpoint
      const responses = yield* Effect.forEach(Array.from({ length: 20 }), () => send(), { concurrency: "unbounded" })
      expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([204]))
    }).pipe(Effect.provide(NotificationInbox.layer))
  )

  it.live("responds before the wait has processed the notification (K11)", () =>
    Effect.gen(function* () {
      const { send, inbox } = yield* makeEndpoint
      const busy = yield* Effect.forkChild(Effect.andThen(inbox.await(waiting), Effect.never))
      expect((yield* send()).status).toBe(204)
      expect(busy.pollUnsafe()).toBeUndefined()
      yield* Fiber.interrupt(busy)
    }).pipe(Effect.provide(NotificationInbox.layer))
  )

  for (const maxBodySize of [Number.POSITIVE_INFINITY, Number.NaN, -1, 0, 1.5]) {
    it.effect(`refuses maxBodySize: ${maxBodySize} when the endpoint is made, and names the option (K17)`, () =>
      Effect.gen(function* () {
        const request = HttpServerRequest.fromWeb(new Request(url, { method: "POST" }))
        const errors = [
          yield* Effect.flip(NotificationReceiver.toWebHandler({ maxBodySize })),
          yield* Effect.flip(
            Layer.build(Layer.provide(NotificationReceiver.route("/ciba", { maxBodySize }), HttpRouter.layer))
          ),
          yield* Effect.flip(
            Effect.provideService(
              NotificationReceiver.handle({ maxBodySize }),
              HttpServerRequest.HttpServerRequest,
              request
            )
          )
        ]
        for (const error of errors) expect(error).toMatchObject({ _tag: "InvalidOption", option: "maxBodySize" })
      }).pipe(Effect.scoped, Effect.provide(NotificationInbox.layer))
    )
  }

  it.live("reads no body of a request without a valid client notification token (K17)", () =>
    Effect.gen(function* () {
      const handle = yield* NotificationReceiver.toWebHandler()
      let read = false
      const body = new ReadableStream(
        {
          pull: (controller) => {
            read = true
            controller.enqueue(new Uint8Array(65_536))
          }
        },
        { highWaterMark: 0 }
      )
      const init = { method: "POST", headers: { ...json, authorization: "Bearer unknown" }, body, duplex: "half" }
      const response = yield* Effect.promise(() => handle(new Request(url, init)))
      expect(response.status).toBe(401)
      expect(read).toBe(false)
    }).pipe(Effect.provide(NotificationInbox.layer))
  )
})
