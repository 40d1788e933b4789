// What a thief of the database has: every row of every table.
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

const toText = (_: string, value: unknown): unknown => {
  if (typeof value === "bigint") return String(value)
  return ArrayBuffer.isView(value) ? new TextDecoder().decode(value) : value
}

/** One line for each table: its name, and its rows as JSON. Bytes are read as text. */
export const dump = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const tables = yield* sql.onDialectOrElse({
    pg: () => sql<{ name: string }>`select tablename as name from pg_tables where schemaname = 'public'`,
    orElse: () => sql<{ name: string }>`select name from sqlite_master where type = 'table'`
  })
  const lines = yield* Effect.forEach(tables, ({ name }) =>
    Effect.map(sql`select * from ${sql(name)}`, (rows) => `${name} ${JSON.stringify(rows, toText)}`)
  )
  return lines.join("\n")
}).pipe(Effect.provideService(SqlClient.SafeIntegers, true))
