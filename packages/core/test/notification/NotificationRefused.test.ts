import { describe, expect, it } from "@effect/vitest"
import { NotificationInbox, NotificationReceiver } from "@effect-ciba/core"
import { DateTime, Effect, Logger, Stream } from "effect"
import { HttpServerRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { makeRefusals } from "../../src/notification/NotificationRefused.ts"
import { pending } from "../support/PendingAuthentications.ts"
import * as RefusedNotifications from "../support/RefusedNotifications.ts"

const url = "https://client.test/ciba"
const json = { "content-type": "application/json", authorization: "Bearer token-a" }

const post = (changes: RequestInit = {}): Request =>
  new Request(url, { method: "POST", headers: json, body: '{"auth_req_id":"request-a"}', ...changes })

/** A body that ends with an error after its first bytes. */
const breakOff = (): RequestInit & { readonly duplex: "half" } => ({
  duplex: "half",
  body: new ReadableStream({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode('{"auth'))
      controller.error(new Error("connection reset"))
    }
  })
})

/** The events of the inbox in the context, as they come. */
const subscribe = RefusedNotifications.record((event) => event)

/** The events of an endpoint that expects a notification for the pending authentication `a`. */
const collectEvents = (request: Request) =>
  Effect.gen(function* () {
    const refused = yield* subscribe
    const inbox = yield* NotificationInbox.NotificationInbox
    yield* inbox.acknowledge(pending("a", { expiresAt: DateTime.makeUnsafe("2100-01-01T00:00:00Z") }))
    const handle = yield* NotificationReceiver.toWebHandler({ maxBodySize: 1000 })
    const response = yield* Effect.promise(() => handle(request))
    expect([response.status, response.headers.get("cache-control")]).toEqual([refused[0]?.status ?? 204, "no-store"])
    return refused.map(({ at: _, ...event }) => event)
  }).pipe(Effect.provide(NotificationInbox.layer))

const _tag = "NotificationRefused"

describe("NotificationReceiver.events", () => {
  const withHeaders = (headers: Readonly<Record<string, string>>) => post({ headers: { ...json, ...headers } })
  const refused: ReadonlyArray<readonly [what: string, make: () => Request, status: number, problem: string]> = [
    ["another method (K1)", () => post({ method: "PUT" }), 405, "it is no POST"],
    [
      "no token (K3)",
      () => withHeaders({ authorization: "" }),
      401,
      "it has no client notification token in its Authorization header"
    ],
    [
      "an unknown token (K3)",
      () => withHeaders({ authorization: "Bearer token-x" }),
      401,
      "no authentication has its client notification token: it is over, or was begun by a process with another inbox"
    ],
    [
      "another content type (K1)",
      () => withHeaders({ "content-type": "x-application/json" }),
      415,
      "its content type is not application/json"
    ],
    ["no JSON (K17)", () => post({ body: "{" }), 400, "its body is no JSON with an auth_req_id"],
    [
      "an empty body (K17)",
      () => post({ body: "" }),
      400,
      "its body is empty; if a body parser has read it before, put the route before the parser"
    ],
    [
      "a body beyond the limit (K17)",
      () => post({ body: "x".repeat(1001) }),
      413,
      "its body is larger than 1000 bytes"
    ],
    ["a body that breaks off (K17)", () => post(breakOff()), 400, "its body broke off"],
    [
      "another request's auth_req_id (K2, K8)",
      () => post({ body: '{"auth_req_id":"request-b"}' }),
      401,
      "its auth_req_id is not that of its client notification token"
    ]
  ]
  for (const [what, make, status, problem] of refused) {
    it.live(`has what is wrong with a notification with ${what}`, () =>
      Effect.gen(function* () {
        expect(yield* collectEvents(make())).toEqual([{ _tag, status, problem }])
      })
    )
  }

  it.live("says to change the order of the routes, when a body parser has read the body (K17)", () =>
    Effect.gen(function* () {
      const request = post()
      yield* Effect.promise(() => request.text())
      const problem = "its body was read before: put the route before body parsers"
      expect(yield* collectEvents(request)).toEqual([{ _tag, status: 400, problem }])
    })
  )

  it.live("has no notification that is accepted, also with spaces before its token (K1)", () =>
    Effect.gen(function* () {
      expect(yield* collectEvents(withHeaders({ authorization: "Bearer   token-a" }))).toEqual([])
    })
  )

  it.effect("has when a call was refused, also by an endpoint that was made for that call alone (K17)", () =>
    Effect.gen(function* () {
      const refused = yield* subscribe
      yield* TestClock.setTime(Date.UTC(2030, 0, 1))
      yield* NotificationReceiver.handle().pipe(
        Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromWeb(new Request(url)))
      )
      expect(refused).toEqual([
        { _tag, status: 405, problem: "it is no POST", at: DateTime.makeUnsafe("2030-01-01T00:00:00Z") }
      ])
    }).pipe(Effect.provide(NotificationInbox.layer))
  )

  it.live("holds no response, whatever a subscriber does about it (K17)", () =>
    Effect.gen(function* () {
      for (const onEvent of [() => Effect.never, () => Effect.die(new Error("a mistake of the program"))])
        yield* Effect.forkChild(Stream.runForEach(NotificationReceiver.events, onEvent), { startImmediately: true })
      const refused = yield* subscribe
      const handle = yield* NotificationReceiver.toWebHandler()
      for (const _ of [1, 2]) expect((yield* Effect.promise(() => handle(new Request(url)))).status).toBe(405)
      expect(refused.length).toBe(2)
    }).pipe(Effect.provide(NotificationInbox.layer))
  )

  it.live("has a call that the inbox could not look up, whose warning has the error", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const error = new Error("the database is gone")
      const inbox = { ...(yield* NotificationInbox.make), find: () => Effect.die(error) }
      const { refused, status } = yield* Effect.gen(function* () {
        const refused = yield* subscribe
        const handle = yield* NotificationReceiver.toWebHandler()
        return { refused, status: (yield* Effect.promise(() => handle(post()))).status }
      }).pipe(
        Effect.provideService(NotificationInbox.NotificationInbox, inbox),
        Effect.provide(Logger.layer([Logger.make(({ message }) => void logged.push(message))]))
      )
      expect(status).toBe(500)
      expect(refused).toMatchObject([{ status: 500, problem: "the inbox has failed" }])
      expect(logged).toEqual([
        ["A call to the client notification endpoint was refused with 500: the inbox has failed", error]
      ])
    })
  )
})

describe("the warning of a call that was refused", () => {
  it.effect("is logged once a minute for each problem (K17)", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const { report } = makeRefusals()
      const refuse = (problem: string) =>
        Effect.provide(
          report({ status: 401, problem }),
          Logger.layer([Logger.make(({ message }) => void lines.push(message))])
        )
      yield* refuse("one")
      yield* refuse("one")
      yield* refuse("another")
      yield* TestClock.adjust("59 seconds")
      yield* refuse("one")
      expect(lines.length).toBe(2)
      yield* TestClock.adjust("1 second")
      yield* refuse("one")
      yield* refuse("one")
      const text = "A call to the client notification endpoint was refused with 401"
      expect(lines).toEqual([[`${text}: one`], [`${text}: another`], [`${text}: one`]])
    })
  )
})
