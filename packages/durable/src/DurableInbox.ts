/**
 * The notifications of all processes in the database: a ping or push to any of them reaches its wait, whichever worker has that.
 *
 * **When to use**
 *
 * In ping and push mode, where several processes work on one `WaitStore`. It takes the place of `NotificationInbox.layer`, with the same
 * keys and prefix as the store.
 *
 * **Details**
 *
 * - A notification is stored before the provider gets its response. Then the wait is due at once, and the worker of this process looks
 *   for it; one that is being polled for is due again when that poll was reported, unless it brought tokens.
 * - It may come before its wait is in the store, and before the acknowledgement.
 * - A client notification token is stored as a keyed hash, and a body is sealed.
 * - While the database cannot be used, the provider gets a 503 and may call again; a request for authentication goes on, and its result
 *   comes by a poll.
 *
 * **Gotchas**
 *
 * - `Ciba.complete` waits in one process: it knows of notifications that come to that process, and of those that had come before.
 *
 * **Example** (A ping to another process)
 *
 * ```ts
 * import { NotificationInbox, Sealing } from "@effect-ciba/core"
 * import { DurableInbox, SqliteDatabase, WaitStore } from "@effect-ciba/durable"
 * import { DateTime, Effect, Layer, Option, Redacted } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const options = { keys: [yield* Sealing.generate("2030-01")] } as const
 *   const store = yield* Effect.provide(WaitStore.WaitStore, WaitStore.layer(options))
 *   const makeInbox = Effect.provideService(DurableInbox.make(options), WaitStore.WaitStore, store)
 *   const [one, other] = [yield* makeInbox, yield* makeInbox]
 *   const token = Redacted.make("client-notification-token")
 *   yield* one.expect({ token, deliveryMode: "ping", expiresAt: DateTime.add(yield* DateTime.now, { minutes: 2 }) })
 *   return Option.isSome(yield* other.find(token))
 * }).pipe(Effect.provide(SqliteDatabase.layer({ filename: ":memory:" })))
 *
 * await Effect.runPromise(program) // => true
 * ```
 *
 * @see CIBA Core 1.0 sections 10.2 and 10.3
 */
import * as NotificationInbox from "@effect-ciba/core/NotificationInbox"
import { PendingStoreError } from "@effect-ciba/core/PendingStore"
import { Deferred, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { tablesOf } from "./internal/Migrations.ts"
import type { Notification } from "./internal/NotificationRegistry.ts"
import * as NotificationRegistry from "./internal/NotificationRegistry.ts"
import { type Options, WaitStore } from "./WaitStore.ts"

/**
 * An inbox over the database of the context, with the keys and the prefix of the store.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = Effect.fnUntraced(function* ({
  keys,
  prefix = "ciba"
}: Options): Effect.fn.Return<NotificationInbox.Service, never, SqlClient.SqlClient | WaitStore> {
  const store = yield* WaitStore
  const database = { sql: (yield* SqlClient.SqlClient).withoutTransforms(), tables: tablesOf(prefix) }
  /** Those of this process that wait for a notification, by the `id` of their authentication. */
  const listeners = new Map<string, Set<(notification: Notification) => void>>()
  const registry = yield* NotificationRegistry.make({
    database,
    keys,
    prefix,
    store,
    onDelivered: (id, notification) => {
      for (const listen of listeners.get(id) ?? []) listen(notification)
    }
  })

  const subscribe: NotificationInbox.Service["subscribe"] = Effect.fnUntraced(function* (pending, onNotification) {
    const those = listeners.get(pending.id) ?? new Set()
    listeners.set(pending.id, those)
    const stop = () => {
      those.delete(listen)
      if (those.size === 0) listeners.delete(pending.id)
    }
    const listen = (notification: Notification) => {
      stop()
      onNotification(notification)
    }
    those.add(listen)
    yield* logFailure(registry.acknowledge(pending))
    const arrived = yield* logFailure(registry.findNotification(pending))
    if (arrived !== undefined && those.has(listen)) listen(arrived)
    return stop
  })

  return NotificationInbox.NotificationInbox.of({
    expect: (expected) => Effect.map(logFailure(registry.expect(expected)), (isNew) => isNew !== false),
    acknowledge: (pending) => logFailure(registry.acknowledge(pending)),
    find: (token) =>
      Effect.mapBoth(registry.find(token), {
        onFailure: failAs("get"),
        onSuccess: Option.map((deliver) => (notification) => Effect.mapError(deliver(notification), failAs("put")))
      }),
    subscribe,
    await: Effect.fnUntraced(function* (pending) {
      const notification = yield* Deferred.make<Notification>()
      const stop = yield* subscribe(pending, (arrived) => Deferred.doneUnsafe(notification, Effect.succeed(arrived)))
      return yield* Effect.onInterrupt(Deferred.await(notification), () => Effect.sync(stop))
    }),
    close: () => Effect.void,
    unregister: (token) => Effect.asVoid(logFailure(registry.remove(token)))
  })
})

/**
 * The inbox of all processes, with the keys and the prefix of the store.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (
  options: Options
): Layer.Layer<NotificationInbox.NotificationInbox, never, SqlClient.SqlClient | WaitStore> =>
  Layer.effect(NotificationInbox.NotificationInbox, make(options))

const failAs =
  (operation: PendingStoreError["operation"]) =>
  ({ message }: Error): PendingStoreError =>
    new PendingStoreError({ operation, problem: message })

/** A wait goes on without its notification: the result comes by a poll. */
const logFailure = <A, E extends Error>(call: Effect.Effect<A, E>): Effect.Effect<A | undefined> =>
  Effect.catch(call, ({ message }) =>
    Effect.as(Effect.logError(`notifications cannot be stored or read: ${message}`), undefined)
  )
