import { assert } from "@effect/vitest"
import { Ciba, ClientAuthentication, NotificationInbox, type PendingAuthentication } from "@effect-ciba/core"
import { NodeCiba, NodeNotificationServer } from "@effect-ciba/platform-node"
import { Effect, Fiber, Layer } from "effect"
import * as Loopback from "../../Loopback.ts"
import * as Cell from "../Cell.ts"
import { RealServer } from "../RealServer.ts"

/** A client with a notification endpoint; it would poll once a minute. */
const connect = Effect.fnUntraced(function* (client_id: string, deliveryMode: "ping" | "push") {
  const server = yield* RealServer
  const port = yield* Loopback.freePort
  yield* server.register({
    client_id,
    client_secret: Cell.secret,
    token_endpoint_auth_method: "client_secret_post",
    backchannel_token_delivery_mode: deliveryMode,
    backchannel_client_notification_endpoint: `http://127.0.0.1:${port}/ciba`
  })
  const common = {
    ...server.connection,
    clientId: client_id,
    authentication: ClientAuthentication.clientSecretPost(Cell.redactedSecret)
  }
  const ciba: Layer.Layer<Ciba.Ciba, unknown, NotificationInbox.NotificationInbox> =
    deliveryMode === "push"
      ? NodeCiba.layer({ ...common, deliveryMode })
      : NodeCiba.layer({ ...common, deliveryMode, poll: { pingFallback: "1 minute" } })
  return Layer.merge(ciba, NodeNotificationServer.layer({ path: "/ciba", port, host: "127.0.0.1" })).pipe(
    Layer.provideMerge(NotificationInbox.layer)
  )
})

const wait = (
  client_id: string,
  deliveryMode: "ping" | "push",
  end: (pending: PendingAuthentication.PendingAuthentication) => Effect.Effect<void, unknown, Ciba.Ciba | RealServer>
) =>
  Effect.gen(function* () {
    const layer = yield* connect(client_id, deliveryMode)
    return yield* Effect.gen(function* () {
      const pending = yield* Cell.initiate()
      yield* end(pending)
      const exchanges = yield* Cell.exchangesOf(pending)
      const polls = exchanges.filter(({ form }) => form.auth_req_id !== undefined)
      assert.lengthOf(polls, deliveryMode === "ping" ? 1 : 0)
      return Cell.describe(exchanges)
    }).pipe(Effect.provide(layer))
  })

const decide = (decision: Cell.Decide) =>
  Effect.fnUntraced(function* (pending: PendingAuthentication.PendingAuthentication) {
    const server = yield* RealServer
    const waiting = yield* Effect.forkChild(Ciba.complete(pending))
    yield* decision(server, pending)
    return yield* Fiber.join(waiting)
  })

const approval = (pending: PendingAuthentication.PendingAuthentication) =>
  Effect.map(decide(Cell.approve)(pending), ({ subject }) => assert.strictEqual(subject, "jo"))

const failure = (decision: Cell.Decide, tag: string) => (pending: PendingAuthentication.PendingAuthentication) =>
  Effect.map(Effect.flip(decide(decision)(pending)), (error) => {
    assert.propertyVal(error.reason, "_tag", tag)
  })

/** The client was away when the provider called, and asks at the token endpoint. */
const missed = Effect.gen(function* () {
  const server = yield* RealServer
  const pending = yield* Effect.provide(Cell.initiate(), yield* connect("ping-missed", "ping"))
  yield* Effect.exit(server.approve(pending.authReqId))
  const again = yield* Effect.provide(Ciba.complete(pending), yield* connect("ping-missed", "ping"))
  assert.strictEqual(again.subject, "jo")
  return Cell.describe(yield* Cell.exchangesOf(pending))
})

const ping = "ping: approval, denial, missed"
const push = "push: approval, denial"

export const cells: ReadonlyArray<Cell.Cell> = [
  { row: ping, name: "approval", run: wait("ping-approval", "ping", approval) },
  { row: ping, name: "denial", run: wait("ping-denial", "ping", failure(Cell.deny, "AccessDenied")) },
  { row: ping, name: "missed", run: missed },
  {
    row: push,
    name: "approval, with an at_hash that the operator adds",
    run: wait("push-with-at_hash", "push", approval)
  },
  {
    row: push,
    name: "an ID Token without at_hash is refused",
    run: wait("push-approval", "push", failure(Cell.approve, "WrongBinding"))
  },
  { row: push, name: "denial", run: wait("push-denial", "push", failure(Cell.deny, "AccessDenied")) }
]
