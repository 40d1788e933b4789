/** What a notification does to its wait: a ping makes it due, a push is its token response or its error. */
import { open, seal, update } from "@effect-ciba/core/PendingAuthentication"
import type * as Sealing from "@effect-ciba/core/Sealing"
import { StoredWait } from "@effect-ciba/core/unstable/wait"
import { DateTime, Effect, Option, Redacted, Result, type Schema } from "effect"
import type { SqlError } from "effect/sql"
import * as Failure from "./Failure.ts"
import * as NotificationBody from "./NotificationBody.ts"
import * as NotificationTable from "./NotificationTable.ts"
import * as WaitTable from "./WaitTable.ts"

/**
 * A notification that was delivered: its mode, and its body.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface DeliveredNotification {
  readonly deliveryMode: NotificationTable.DeliveryMode
  readonly body: Redacted.Redacted<Schema.Json>
}

/** Fails with what the database does, or if none of the keys has sealed the row. */
export type Notify = (
  id: string,
  notification: DeliveredNotification
) => Effect.Effect<void, SqlError.SqlError | Effect.Error<ReturnType<typeof Sealing.open>>>

/** Tells a wait that was just stored of what has come before it. */
export type NotifyEarly = (id: string) => Effect.Effect<void, SqlError.SqlError>

/** Where a wait is, and how its row is sealed. */
export interface Place {
  readonly database: WaitTable.Database
  readonly keys: Sealing.Keys
  readonly prefix: string
}

/** What a notification does to the row of its wait, if it is there. */
export const makeNotify = ({ database, keys, prefix }: Place): Notify =>
  Effect.fnUntraced(function* (id, { body, deliveryMode }) {
    if (deliveryMode === "ping") return yield* WaitTable.recordPing(database, id)
    const sealed = yield* WaitTable.readPending(database, id)
    if (Option.isNone(sealed)) return
    const pending = yield* open(sealed.value, keys, [prefix, id])
    const at = DateTime.makeUnsafe(yield* WaitTable.readNow(database))
    const received = { body: Redacted.make(Redacted.value(body), { label: "token response" }), at }
    const pushed = update(pending, { received })
    const saved = yield* Effect.result(StoredWait.get(pushed, WaitTable.noOffset))
    if (Result.isFailure(saved)) {
      const result = yield* Failure.sealed.seal(Failure.of(saved.failure), keys, [prefix, id])
      return yield* WaitTable.refuse(database, id, result)
    }
    if (saved.success === undefined) return
    const state = StoredWait.progressOf(saved.success, WaitTable.noOffset)
    yield* WaitTable.recordPush(database, { id, state }, yield* seal(pushed, keys, [prefix, id]))
  })

/** A notification that has come before its wait. One that cannot be opened is one that was lost. */
export const makeNotifyEarly =
  ({ database, keys, prefix }: Place, notify: Notify): NotifyEarly =>
  (id) =>
    Effect.flatMap(
      NotificationTable.findOf(database, id),
      Option.match({
        onNone: () => Effect.void,
        onSome: ({ body, deliveryMode, hash }) =>
          body === null
            ? Effect.void
            : NotificationBody.sealed.open(body, keys, [prefix, hash]).pipe(
                Effect.flatMap((opened) => notify(id, { deliveryMode, body: opened })),
                Effect.catchTag("DecryptionFailed", ({ message }) =>
                  Effect.logError(`the notification for ${id}: ${message}`)
                )
              )
      })
    )
