/**
 * All that a client keeps in a database: its waits, and the notifications for them, with one choice of keys and tables.
 *
 * **When to use**
 *
 * In a program whose approvals outlive its processes. Over `SqliteDatabase` for one machine, over `PostgresDatabase` for several: the program is
 * the same.
 *
 * **Example** (Waits in a file)
 *
 * ```ts
 * import { Sealing } from "@effect-ciba/core"
 * import { DurableStorage, SqliteDatabase, WaitStore } from "@effect-ciba/durable"
 * import { Effect, Layer, Option } from "effect"
 *
 * const StorageTest = Layer.unwrap(
 *   Effect.map(Sealing.generate("2030-01"), (key) => DurableStorage.layer({ keys: [key] }))
 * ).pipe(Layer.provide(SqliteDatabase.layer({ filename: ":memory:" })))
 *
 * const program = WaitStore.WaitStore.use((store) => store.find("k2yXc0wZ3qLr8vTn")).pipe(Effect.provide(StorageTest))
 *
 * Option.isNone(await Effect.runPromise(program)) // => true
 * ```
 */
import { NotificationInbox } from "@effect-ciba/core/NotificationInbox"
import type { PendingAuthentication } from "@effect-ciba/core/PendingAuthentication"
import * as PendingStore from "@effect-ciba/core/PendingStore"
import { Effect, Layer } from "effect"
import { KeyValueStore } from "effect/persistence"
import type { Migrator, SqlClient, SqlError } from "effect/sql"
import * as DurableInbox from "./DurableInbox.ts"
import * as WaitStore from "./WaitStore.ts"

/**
 * The waits and the notifications of a client, in the database of the context.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (
  options: WaitStore.Options
): Layer.Layer<
  WaitStore.WaitStore | NotificationInbox,
  SqlError.SqlError | Migrator.MigrationError,
  SqlClient.SqlClient
> => Layer.provideMerge(DurableInbox.layer(options), WaitStore.layer(options))

/**
 * What has become of the entries of a `PendingStore`.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface TakenOver {
  /** The `id`s of those that are in the database now, and no longer in the old store. */
  readonly moved: ReadonlyArray<string>
  /** The names of those that are still in the old store, without its prefix: they cannot be read, as the log says. */
  readonly left: ReadonlyArray<string>
}

/**
 * Moves what a `PendingStore.layerKeyValueStore` with these options has written into the database, with the progress of each wait: its back-off,
 * its interval, and a token response that was received. Call it when no process uses the old store any more.
 *
 * An entry is removed when its wait has been stored. After a failure or a kill call it again: what has been moved is left as it is.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const takeOver = Effect.fnUntraced(function* (
  options: PendingStore.Options
): Effect.fn.Return<
  TakenOver,
  PendingStore.PendingStoreError | SqlError.SqlError,
  KeyValueStore.KeyValueStore | NotificationInbox | WaitStore.WaitStore
> {
  const old = yield* PendingStore.make(options)
  const entries = yield* KeyValueStore.KeyValueStore
  const inbox = yield* NotificationInbox
  const store = yield* WaitStore.WaitStore
  const move = (pending: PendingAuthentication) =>
    Effect.as(Effect.andThen(store.insert(pending), old.remove(pending)), [pending.id]).pipe(
      Effect.catchTag("TokenError", ({ message }) =>
        Effect.as(Effect.logWarning(`${pending.id} is left in the old store: ${message}`), [])
      )
    )
  const moved = yield* Effect.forEach(yield* old.all, (pending) =>
    // Before its wait: one whose notification is not expected is polled for instead.
    Effect.andThen(inbox.acknowledge(pending), move(pending))
  )
  const left = yield* Effect.mapError(
    KeyValueStore.prefix(entries, options.prefix ?? "ciba/").keys,
    ({ message }) => new PendingStore.PendingStoreError({ operation: "all", problem: message })
  )
  return { moved: moved.flat(), left }
})
