import { describe, expect, it } from "@effect/vitest"
import { NotificationInbox, NotificationReceiver } from "@effect-ciba/core"
import { DateTime, type Duration, Effect, Fiber, Option } from "effect"
import { pending } from "../support/PendingAuthentications.ts"

const url = "https://client.test/ciba"

const waiting = pending("a", { expiresAt: DateTime.makeUnsafe("2100-01-01T00:00:00Z") })

const json = { "content-type": "application/json", authorization: "Bearer token-a" }

interface Call {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** An endpoint that expects a call for `a`, and what it answers. */
const answering = Effect.gen(function* () {
  const inbox = yield* NotificationInbox.NotificationInbox
  const handle = yield* NotificationReceiver.toWebHandler({ maxBodySize: 1000 })
  yield* inbox.acknowledge(waiting)
  const call = ({ body = '{"auth_req_id":"request-a"}', headers = json, method = "POST" }: Call = {}) =>
    Effect.promise(() => handle(new Request(url, { method, headers, ...(method === "GET" ? undefined : { body }) })))
  const rung = (within: Duration.Input) => Effect.map(Effect.timeoutOption(inbox.await(waiting), within), Option.isSome)
  return { call, inbox, rung }
})

const calls: ReadonlyArray<readonly [what: string, call: Call, status: number, rings: boolean]> = [
  ["as the specification has it (K1, K4)", {}, 204, true],
  ["with members that nobody knows (K6, L11)", { body: '{"auth_req_id":"request-a","foo":[1]}' }, 204, true],
  ["with a charset (K1)", { headers: { ...json, "content-type": "application/json; charset=utf-8" } }, 204, true],
  ["with the scheme in lower case (K20)", { headers: { ...json, authorization: "bearer token-a" } }, 204, true],
  ["by GET (K1)", { method: "GET" }, 405, false],
  ["by PUT (K1)", { method: "PUT" }, 405, false],
  ["as a form (K1)", { headers: { ...json, "content-type": "application/x-www-form-urlencoded" } }, 415, false],
  ["without a type (K1)", { headers: { authorization: "Bearer token-a" } }, 415, false],
  ["without a bearer (K3)", { headers: { "content-type": "application/json" } }, 401, false],
  ["with a strange bearer (K3)", { headers: { ...json, authorization: "Bearer token-x" } }, 401, false],
  ["with another scheme (K3)", { headers: { ...json, authorization: "Basic token-a" } }, 401, false],
  [
    "with two bearers in one (K3)",
    { headers: { ...json, authorization: "Bearer token-a, Bearer token-a" } },
    401,
    false
  ],
  ["with another request's id (K2, K8)", { body: '{"auth_req_id":"request-b"}' }, 401, false],
  ["with more than the limit (K17)", { body: `{"auth_req_id":"request-a","x":"${"x".repeat(1000)}"}` }, 413, false],
  ["with JSON that breaks off (K17)", { body: '{"auth_req_id":"request-a"' }, 400, false],
  ["with nothing (K17)", { body: "" }, 400, false],
  ["with an array (K17)", { body: '["request-a"]' }, 400, false],
  ["without an id (K17)", { body: "{}" }, 400, false],
  ["with an id that is no text (K17)", { body: '{"auth_req_id":7}' }, 400, false],
  ["with an empty id (K17)", { body: '{"auth_req_id":""}' }, 400, false]
]

describe("a call", () => {
  for (const [what, call, status, rings] of calls) {
    it.live(`${what} is answered with ${status}, and ${rings ? "rings" : "rings nowhere"}`, () =>
      Effect.gen(function* () {
        const endpoint = yield* answering
        const response = yield* endpoint.call(call)
        expect(response.status).toBe(status)
        expect(yield* Effect.promise(() => response.text())).toBe("")
        expect(response.headers.get("www-authenticate")).toBe(status === 401 ? "Bearer" : null)
        expect(response.headers.get("allow")).toBe(status === 405 ? "POST" : null)
        expect(yield* endpoint.rung(rings ? "5 seconds" : "20 millis")).toBe(rings)
      }).pipe(Effect.provide(NotificationInbox.layer))
    )
  }

  it.live("is answered alike when it comes again, and no status is ever a redirect (K5, K9)", () =>
    Effect.gen(function* () {
      const { call } = yield* answering
      const responses = yield* Effect.forEach(Array.from({ length: 20 }), () => call(), { concurrency: "unbounded" })
      expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([204]))
    }).pipe(Effect.provide(NotificationInbox.layer))
  )

  it.live("is answered before anybody has done anything with it (K11)", () =>
    Effect.gen(function* () {
      const { call, inbox } = yield* answering
      const busy = yield* Effect.forkChild(Effect.andThen(inbox.await(waiting), Effect.never))
      expect((yield* call()).status).toBe(204)
      expect(busy.pollUnsafe()).toBeUndefined()
      yield* Fiber.interrupt(busy)
    }).pipe(Effect.provide(NotificationInbox.layer))
  )

  it.live("reads no body for a stranger (K17)", () =>
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
      const init = { method: "POST", headers: { ...json, authorization: "Bearer nobody" }, body, duplex: "half" }
      const response = yield* Effect.promise(() => handle(new Request(url, init)))
      expect(response.status).toBe(401)
      expect(read).toBe(false)
    }).pipe(Effect.provide(NotificationInbox.layer))
  )
})
