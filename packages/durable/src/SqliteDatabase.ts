/**
 * A file as a database, through the SQLite of Node.js: no server, and no package.
 *
 * **When to use**
 *
 * For approvals in one process, or in several on one machine. `PostgresDatabase` is for several machines.
 *
 * **Details**
 *
 * - One connection, with a write-ahead log. What another process has locked is waited for, five seconds at most.
 * - Integers of 64 bits are read as `bigint` where `SqlClient.SafeIntegers` says so, as Effect's cluster does.
 * - A transaction is a writer from its beginning: two of them never fail because both have read before they write.
 *
 * **Gotchas**
 *
 * - One connection to a file is enough for a process. Two of them block all of it for five seconds when one waits for the other.
 *
 * **Example** (A table)
 *
 * ```ts
 * import { SqliteDatabase } from "@effect-ciba/durable"
 * import { Effect } from "effect"
 * import { SqlClient } from "effect/sql"
 *
 * const program = Effect.gen(function* () {
 *   const sql = yield* SqlClient.SqlClient
 *   yield* sql`create table approvals (id text)`
 *   yield* sql`insert into approvals ${sql.insert({ id: "17" })}`
 *   return yield* sql`select id from approvals`
 * }).pipe(Effect.provide(SqliteDatabase.layer({ filename: ":memory:" })))
 *
 * const [row] = await Effect.runPromise(program)
 * row?.["id"] // => "17"
 * ```
 *
 * @see https://sqlite.org/wal.html
 */
import { DatabaseSync, type SQLInputValue } from "node:sqlite"
import { Effect, Layer, Predicate, type Scope, Semaphore, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"

/**
 * Where the database is.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options {
  /** `:memory:` for one that ends with its layer. */
  readonly filename: string
}

/**
 * A client of the database, until the scope is closed.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = Effect.fnUntraced(function* ({
  filename
}: Options): Effect.fn.Return<SqlClient.SqlClient, SqlError.SqlError, Scope.Scope | Reactivity.Reactivity> {
  const database = yield* Effect.acquireRelease(
    attempt("open", () => {
      const opened = new DatabaseSync(filename, { timeout: 5000 })
      opened.exec("pragma journal_mode = wal")
      return opened
    }),
    (opened) => Effect.sync(() => opened.close())
  )
  const acquirers = SqlClient.makeSqliteAcquirers({
    connection: Effect.succeed(makeConnection(database)),
    semaphore: yield* Semaphore.make(1),
    isTransaction: () => database.isTransaction
  })
  return yield* SqlClient.make({
    ...acquirers,
    beginTransaction: "begin immediate",
    compiler: Statement.makeCompilerSqlite(),
    driver: "sqlite-node",
    spanAttributes: [["db.system.name", "sqlite"]]
  })
})

/**
 * The `SqlClient` of a database of its own for each call.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (options: Options): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Layer.effect(SqlClient.SqlClient, Effect.provide(make(options), Layer.fresh(Reactivity.layer)))

const makeConnection = (database: DatabaseSync): SqlConnection.Connection => {
  const execute: SqlConnection.Connection["execute"] = (sql, params, transformRows) =>
    Effect.map(run(database, sql, params, false), transformRows ?? ((rows) => rows))
  const executeValues: SqlConnection.Connection["executeValues"] = (sql, params) =>
    Effect.map(run(database, sql, params, true), (rows) => rows.map((row) => Object.values(row)))
  return {
    execute,
    executeUnprepared: execute,
    executeValues,
    executeValuesUnprepared: executeValues,
    executeRaw: (sql, params) => run(database, sql, params, false),
    executeStream: (sql, params, transformRows) => Stream.fromIterableEffect(execute(sql, params, transformRows))
  }
}

const run = (
  database: DatabaseSync,
  sql: string,
  params: ReadonlyArray<unknown>,
  isArrays: boolean
): Effect.Effect<ReadonlyArray<object>, SqlError.SqlError> =>
  Effect.flatMap(SqlClient.SafeIntegers, (isSafe) =>
    attempt("execute", () => {
      const statement = database.prepare(sql)
      statement.setReturnArrays(isArrays)
      statement.setReadBigInts(isSafe)
      return statement.all(...params.map(toInput))
    })
  )

/** SQLite has no booleans and no dates. Anything that it cannot take is refused by its binding. */
const toInput = (value: unknown): SQLInputValue => {
  if (typeof value === "boolean") return value ? 1 : 0
  if (Predicate.isDate(value)) return value.toISOString()
  return isInput(value) ? value : String(value)
}

const isInput = (value: unknown): value is SQLInputValue =>
  value === null ||
  typeof value === "string" ||
  typeof value === "number" ||
  typeof value === "bigint" ||
  ArrayBuffer.isView(value)

const attempt = <A>(operation: string, call: () => A): Effect.Effect<A, SqlError.SqlError> =>
  Effect.try({
    try: call,
    catch: (cause) => new SqlError.SqlError({ reason: classify(cause, operation) })
  })

/** Node.js has the code of SQLite in a member of its own. */
const classify = (cause: unknown, operation: string): SqlError.SqlErrorReason => {
  const code = Predicate.hasProperty(cause, "errcode") ? cause.errcode : undefined
  const message = Predicate.hasProperty(cause, "message") ? String(cause.message) : "the operation failed"
  return SqlError.classifySqliteError({ code, message }, { message, operation })
}
