/**
 * A PostgreSQL server as a database, through `@effect/sql-pg`, which a program installs that imports this module.
 *
 * **When to use**
 *
 * For approvals on several machines. `SqliteDatabase` is for one.
 *
 * **Details**
 *
 * - No statement is prepared on a connection, unless `prepare` says so. So it works behind a pooler that gives each transaction another
 *   connection, as pgbouncer does in its transaction mode.
 * - Instants are those of the server: all workers of a client have one server, and no replica that may only be read.
 *
 * **Gotchas**
 *
 * - With `prepare` and such a pooler, transactions fail because their statements are on another connection: what was received is lost.
 * - Not for a pooler that gives each statement another connection, as pgbouncer does in its statement mode: it refuses transactions.
 *
 * **Example** (Waits in PostgreSQL)
 *
 * ```ts
 * import { Sealing } from "@effect-ciba/core"
 * import { DurableStorage } from "@effect-ciba/durable"
 * import * as PostgresDatabase from "@effect-ciba/durable/PostgresDatabase"
 * import { Effect, Layer, Redacted } from "effect"
 *
 * const StorageLive = Layer.unwrap(
 *   Effect.map(Sealing.fromBytes("2030-01", Redacted.make("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI")), (key) =>
 *     DurableStorage.layer({ keys: [key] })
 *   )
 * ).pipe(Layer.provide(PostgresDatabase.layer({ url: Redacted.make("postgres://approvals@db.internal/approvals") })))
 *
 * Layer.isLayer(StorageLive) // => true
 * ```
 *
 * @see https://www.pgbouncer.org/features.html
 */
import { PgClient } from "@effect/sql-pg"
import type { Effect, Layer, Scope } from "effect"
import type { Reactivity } from "effect/reactivity"
import type { SqlClient, SqlError } from "effect/sql"

/**
 * Where the server is, and how many connections there may be.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options extends PgClient.PgPoolConfig {
  /** Whether statements are prepared on a connection; `false` by default. */
  readonly prepare?: boolean | undefined
}

/**
 * A client of the server, until the scope is closed.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = (
  options: Options
): Effect.Effect<SqlClient.SqlClient, SqlError.SqlError, Scope.Scope | Reactivity.Reactivity> =>
  PgClient.make({ prepare: false, ...options })

/**
 * The `SqlClient` of a pool of its own for each call.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (options: Options): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  PgClient.layer({ prepare: false, ...options })
