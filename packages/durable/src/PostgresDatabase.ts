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
 * - A statement to which the server does not respond fails after `statementTimeout`, and its connection is given up, five seconds later at the
 *   latest: a server may be frozen, or its machine gone without a word.
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
import { PgClient, PgPool } from "@effect/sql-pg"
import { Duration, Effect, Layer, Predicate, type Scope } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"
import * as PostgresConnection from "./internal/PostgresConnection.ts"

/**
 * Where the server is, and how many connections there may be.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options extends PgClient.PgPoolConfig {
  /** Whether statements are prepared on a connection; `false` by default. */
  readonly prepare?: boolean | undefined
  /** The time for one statement; 10 seconds by default. */
  readonly statementTimeout?: Duration.Input | undefined
}

/**
 * A client of the server, until the scope is closed.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<SqlClient.SqlClient, SqlError.SqlError, Scope.Scope | Reactivity.Reactivity> {
  const { get, reserve, use } = yield* PgPool.make({ prepare: false, ...options })
  const toConnection = PostgresConnection.make(Duration.fromInputUnsafe(options.statementTimeout ?? "10 seconds"))
  const { transformJson, transformQueryNames, transformResultNames } = options
  return yield* SqlClient.make({
    acquirer: Effect.map(get, toConnection),
    borrower: (run) => use((connection) => run(toConnection(connection))),
    transactionAcquirer: Effect.map(reserve, toConnection),
    commit,
    compiler: PgClient.makeCompiler(transformQueryNames, transformJson),
    driver: "pg",
    prepareTransactionControls: true,
    releaseSavepoint: (name) => `release savepoint ${name}`,
    spanAttributes: [["db.system.name", "postgresql"], ...Object.entries(options.spanAttributes ?? {})],
    transformRows: transformResultNames && Statement.defaultTransforms(transformResultNames, transformJson).array
  })
})

/**
 * The `SqlClient` of a pool of its own for each call.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (options: Options): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Layer.effect(SqlClient.SqlClient, Effect.provide(make(options), Layer.fresh(Reactivity.layer)))

/** What commits a transaction that has failed says `ROLLBACK`, and does not fail. */
const commit = (connection: SqlConnection.Connection): Effect.Effect<void, SqlError.SqlError> =>
  Effect.flatMap(connection.executeRaw("commit", []), (result) => {
    if (!Predicate.hasProperty(result, "command") || result.command !== "ROLLBACK") return Effect.void
    const message = "the transaction was rolled back, since a statement of it had failed"
    const reason = new SqlError.UnknownError({ cause: new Error(message), message, operation: "commit" })
    return Effect.fail(new SqlError.SqlError({ reason }))
  })
