import { describe, expect, it } from "@effect/vitest"
import { NotificationInbox, NotificationReceiver } from "@effect-ciba/core"
import { DateTime, Effect, Logger } from "effect"
import { TestClock } from "effect/testing"
import * as Refusal from "../../src/notification/Refusal.ts"
import { pending } from "../support/PendingAuthentications.ts"

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

/** The refusals of an endpoint that expects a notification for the pending authentication `a`. */
const collectRefusals = (request: Request) =>
  Effect.gen(function* () {
    const refusals: Array<NotificationReceiver.Refusal> = []
    const inbox = yield* NotificationInbox.NotificationInbox
    yield* inbox.acknowledge(pending("a", { expiresAt: DateTime.makeUnsafe("2100-01-01T00:00:00Z") }))
    const handle = yield* NotificationReceiver.toWebHandler({
      maxBodySize: 1000,
      onRefused: (refusal) => Effect.sync(() => void refusals.push(refusal))
    })
    const response = yield* Effect.promise(() => handle(request))
    expect([response.status, response.headers.get("cache-control")]).toEqual([refusals[0]?.status ?? 204, "no-store"])
    return refusals
  }).pipe(Effect.provide(NotificationInbox.layer))

describe("NotificationReceiver.Options.onRefused", () => {
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
    it.live(`is called with what is wrong with a notification with ${what}`, () =>
      Effect.gen(function* () {
        expect(yield* collectRefusals(make())).toEqual([{ status, problem }])
      })
    )
  }

  it.live("is called with the order of the routes to change, when a body parser has read the body (K17)", () =>
    Effect.gen(function* () {
      const request = post()
      yield* Effect.promise(() => request.text())
      const problem = "its body was read before: put the route before body parsers"
      expect(yield* collectRefusals(request)).toEqual([{ status: 400, problem }])
    })
  )

  it.live("is not called for a notification that is accepted, also with spaces before its token (K1)", () =>
    Effect.gen(function* () {
      expect(yield* collectRefusals(withHeaders({ authorization: "Bearer   token-a" }))).toEqual([])
    })
  )
})

describe("Refusal.makeWarn", () => {
  it.effect("logs each problem once a minute (K17)", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const warn = Refusal.makeWarn()
      const refuse = (problem: string) =>
        Effect.provide(
          warn({ status: 401, problem }),
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
