/** The only clock of the waits: that of the database, which all workers have in common. */
import { Context, Effect } from "effect"
import type { SqlClient, Statement } from "effect/sql"

/** The current instant as an expression of the database, in whole milliseconds since the epoch. A test can replace it. */
export const DatabaseClock: Context.Reference<(sql: SqlClient.SqlClient) => Effect.Effect<Statement.Fragment>> =
  Context.Reference("@effect-ciba/durable/DatabaseClock", {
    defaultValue: () => (sql) =>
      Effect.succeed(
        sql.onDialectOrElse({
          pg: () => sql.literal("floor(extract(epoch from statement_timestamp()) * 1000)::bigint"),
          orElse: () => sql.literal("cast(unixepoch('subsec') * 1000 as integer)")
        })
      )
  })
