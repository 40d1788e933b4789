// `NodeNotificationServer.toHandler` on plain `node:http`; `e2e/frameworks.test.ts` has Express.
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { NotificationInbox } from "@effect-ciba/core"
import { NodeNotificationServer } from "@effect-ciba/platform-node"
import { Effect } from "effect"
import * as RefusedNotifications from "../../core/test/support/RefusedNotifications.ts"

type Before = (request: IncomingMessage, response: ServerResponse) => void

/** The port of a server with the handler, and what it has refused. */
const serve = Effect.fnUntraced(function* (before: Before) {
  const refused = yield* RefusedNotifications.recordTexts
  const handler = yield* NodeNotificationServer.toHandler()
  const server = createServer((incoming, response) => {
    before(incoming, response)
    handler(incoming, response)
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.sync(() => server.close())
  )
  const address = server.address()
  assert(typeof address === "object" && address !== null)
  return { refused, port: address.port }
})

const call = (port: number, method: string) =>
  Effect.callback<IncomingMessage>((resume) => {
    const sent = request({ port, method, host: "127.0.0.1", agent: false }, (response) => {
      response.resume().once("end", () => resume(Effect.succeed(response)))
    })
    sent.once("error", (error) => resume(Effect.die(error))).end()
  })

const run = <A>(
  effect: Effect.Effect<A, unknown, NotificationInbox.NotificationInbox | import("effect").Scope.Scope>
) => Effect.provide(Effect.scoped(effect), NotificationInbox.layer)

describe("NodeNotificationServer.toHandler", () => {
  for (const method of ["TRACE", "GET", "HEAD", "OPTIONS", "PROPFIND"]) {
    it.live(`responds 405 to ${method}, also where fetch has no such method (K1)`, () =>
      run(
        Effect.gen(function* () {
          const { port, refused } = yield* serve(() => undefined)
          const { headers, statusCode } = yield* call(port, method)
          assert.deepStrictEqual([statusCode, headers.allow], [405, "POST"])
          assert.deepStrictEqual(refused, ["405: it is no POST"])
        })
      )
    )
  }

  it.live("leaves a response alone that the server has sent before, such as that of a time limit", () =>
    run(
      Effect.gen(function* () {
        const rejections: Array<unknown> = []
        const onRejection = (reason: unknown) => void rejections.push(reason)
        yield* Effect.acquireRelease(
          Effect.sync(() => process.on("unhandledRejection", onRejection)),
          () => Effect.sync(() => process.off("unhandledRejection", onRejection))
        )
        const { port, refused } = yield* serve((_, response) => response.writeHead(503).end())
        assert.strictEqual((yield* call(port, "POST")).statusCode, 503)
        assert.lengthOf(refused, 1)
        assert.deepStrictEqual(rejections, [])
      })
    )
  )
})
