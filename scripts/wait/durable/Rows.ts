// The database of the model: the real statements over SQLite in memory, on rows that are put back before each call.
import { Effect, Layer, Scope } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlError } from "effect/sql"
import { DatabaseClock } from "../../../packages/durable/src/internal/DatabaseClock.ts"
import * as Migrations from "../../../packages/durable/src/internal/Migrations.ts"
import type { Database } from "../../../packages/durable/src/internal/WaitTable.ts"
import * as SqliteDatabase from "../../../packages/durable/src/SqliteDatabase.ts"

type Row = Readonly<Record<string, string | number | null>>

/** The row of the wait, and that of its authentication. */
export interface Rows {
  readonly wait: Row
  readonly authentication: Row
}

export const none: Rows = { wait: {}, authentication: {} }

/** What a call returns that finds these rows at an instant, and the rows that it leaves. */
export type Operation<I, A> = (rows: Rows, now: number, input: I) => readonly [A, Rows]

const database: Database = {
  sql: Effect.runSync(
    SqliteDatabase.make({ filename: ":memory:" }).pipe(
      Effect.provideService(Scope.Scope, Scope.makeUnsafe()),
      Effect.provide(Layer.fresh(Reactivity.layer))
    )
  ),
  tables: Migrations.tablesOf("model")
}

Effect.runSync(Effect.provideService(Migrations.migrate("model"), SqlClient.SqlClient, database.sql))

/** What the tables have now, as text. */
const current = new Map<string, string>()

const put = (table: string, row: Row): Effect.Effect<void, SqlError.SqlError> => {
  const { sql } = database
  if (current.get(table) === JSON.stringify(row)) return Effect.void
  const insert = Effect.suspend(() => Effect.asVoid(sql`insert into ${sql(table)} ${sql.insert(row)}`))
  return Effect.andThen(sql`delete from ${sql(table)}`, Object.keys(row).length === 0 ? Effect.void : insert)
}

const get = (table: string): Effect.Effect<Row, SqlError.SqlError> =>
  Effect.map(database.sql<Row>`select * from ${database.sql(table)}`, ([found]) => {
    const row = { ...found }
    current.set(table, JSON.stringify(row))
    return row
  })

/** The same call on the same rows is made once. */
export const operation = <I, A>(
  use: (database: Database, input: I) => Effect.Effect<A, SqlError.SqlError>
): Operation<I, A> => {
  const known = new Map<string, readonly [A, Rows]>()
  const { sql, tables } = database
  return (rows, now, input) => {
    const key = JSON.stringify([now, input, rows])
    const made = known.get(key)
    if (made !== undefined) return made
    const call: Effect.Effect<readonly [A, Rows], SqlError.SqlError> = Effect.gen(function* () {
      yield* put(tables.wait, rows.wait)
      yield* put(tables.authentication, rows.authentication)
      const result = yield* use(database, input)
      return [result, { wait: yield* get(tables.wait), authentication: yield* get(tables.authentication) }]
    })
    const clock = () => Effect.succeed(sql.literal(String(now)))
    const result = Effect.runSync(Effect.provideService(call, DatabaseClock, clock))
    known.set(key, result)
    return result
  }
}
