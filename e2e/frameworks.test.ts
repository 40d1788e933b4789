import type { Server } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { NotificationInbox, NotificationReceiver } from "@effect-ciba/core"
import { NodeNotificationServer } from "@effect-ciba/platform-node"
import { DateTime, Effect, Redacted } from "effect"
import express, { type RequestHandler } from "express"
import { Hono, type MiddlewareHandler } from "hono"
import * as RefusedNotifications from "../packages/core/test/support/RefusedNotifications.ts"

const token = "client-notification-token"

/** Reads the body, and leaves it nowhere. */
const swallow: RequestHandler = (request, _, next) => {
  request.resume().on("end", () => next())
}

/** The port of a server with the endpoint after the handler, and what it has refused. */
const serve = Effect.fnUntraced(function* (before: RequestHandler | undefined) {
  const refused = yield* RefusedNotifications.recordTexts
  const handler = yield* NodeNotificationServer.toHandler()
  const app = express()
  if (before !== undefined) app.use(before)
  app.all("/ciba", handler)
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const listening = app.listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
    }),
    (listening) => Effect.sync(() => listening.close())
  )
  const address = server.address()
  assert(typeof address === "object" && address !== null)
  return { refused, url: `http://127.0.0.1:${address.port}/ciba` }
})

const expectPing = Effect.gen(function* () {
  const inbox = yield* NotificationInbox.NotificationInbox
  const expiresAt = DateTime.add(yield* DateTime.now, { minutes: 5 })
  yield* inbox.expect({ token: Redacted.make(token), deliveryMode: "ping", expiresAt })
})

const ping: RequestInit = {
  method: "POST",
  headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
  body: '{"auth_req_id":"1c266114"}'
}

const call = (url: string, changes: RequestInit = {}) => Effect.promise(() => fetch(url, { ...ping, ...changes }))

const run = <A, E>(effect: Effect.Effect<A, E, NotificationInbox.NotificationInbox | import("effect").Scope.Scope>) =>
  Effect.provide(Effect.scoped(effect), NotificationInbox.layer)

describe("the notification endpoint behind Express", () => {
  const parsers: ReadonlyArray<readonly [what: string, RequestHandler | undefined]> = [
    ["before body parsers", undefined],
    ["after express.json()", express.json()],
    ["after express.text()", express.text({ type: "*/*" })],
    ["after express.raw()", express.raw({ type: "*/*" })],
    ["after a parser of other types", express.urlencoded({ extended: false })]
  ]
  for (const [what, before] of parsers) {
    it.live(`takes a ping ${what} (K3)`, () =>
      run(
        Effect.gen(function* () {
          yield* expectPing
          const { refused, url } = yield* serve(before)
          assert.strictEqual((yield* call(url)).status, 204)
          assert.deepStrictEqual(refused, [])
        })
      )
    )
  }

  const problems: ReadonlyArray<
    readonly [what: string, RequestInit, before: RequestHandler | undefined, refusal: string]
  > = [
    [
      "whose body was read before, and is nowhere",
      {},
      swallow,
      "400: its body is empty; if a body parser has read it before, put the route before the parser"
    ],
    ["that is a GET", { method: "GET", body: null }, undefined, "405: it is no POST"],
    [
      "without a token",
      { headers: {} },
      undefined,
      "401: it has no client notification token in its Authorization header"
    ],
    [
      "with another token",
      { headers: { authorization: "Bearer another" } },
      undefined,
      "401: no authentication has its client notification token: it is over, or was begun by a process with another inbox"
    ],
    [
      "of another type",
      { headers: { authorization: `Bearer ${token}`, "content-type": "text/plain" } },
      undefined,
      "415: its content type is not application/json"
    ],
    ["that is malformed", { body: "auth_req_id=1" }, undefined, "400: its body is no JSON with an auth_req_id"],
    ["that is too large", { body: " ".repeat(70_000) }, undefined, "413: its body is larger than 65536 bytes"]
  ]
  for (const [what, changes, before, refusal] of problems) {
    it.live(`says what is wrong with a call ${what}`, () =>
      run(
        Effect.gen(function* () {
          yield* expectPing
          const { refused, url } = yield* serve(before)
          const { status } = yield* call(url, changes)
          assert.deepStrictEqual(refused, [refusal])
          assert.strictEqual(String(status), refusal.slice(0, 3))
        })
      )
    )
  }
})

describe("the notification endpoint behind Hono", () => {
  const middlewares: ReadonlyArray<
    readonly [what: string, middleware: MiddlewareHandler, status: number, refused: ReadonlyArray<string>]
  > = [
    ["takes a ping behind middleware that reads no body", (_, next) => next(), 204, []],
    [
      "takes a ping behind middleware that has read a clone of it",
      ({ req }, next) => req.raw.clone().text().then(next),
      204,
      []
    ],
    [
      "says what is wrong with a call behind middleware that has read its body",
      ({ req }, next) => req.text().then(next),
      400,
      ["400: its body was read before: put the route before body parsers"]
    ]
  ]
  for (const [title, middleware, expected, problems] of middlewares) {
    it.live(`${title} (K3)`, () =>
      run(
        Effect.gen(function* () {
          yield* expectPing
          const refused = yield* RefusedNotifications.recordTexts
          const handle = yield* NotificationReceiver.toWebHandler()
          const app = new Hono().use(middleware).all("/ciba", (context) => handle(context.req.raw))
          const { status } = yield* Effect.promise(async () => app.request("/ciba", ping))
          assert.strictEqual(status, expected)
          assert.deepStrictEqual(refused, problems)
        })
      )
    )
  }
})
