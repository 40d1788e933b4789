/** Transactions of which every failure of the database is typed. */
import { Effect } from "effect"
import { type SqlClient, SqlError } from "effect/sql"

/** Fails where Effect's dies: when the connection is lost, and with it what follows a statement or a commit that has failed. */
export const transact = <A>(
  sql: SqlClient.SqlClient,
  statements: Effect.Effect<A, SqlError.SqlError>
): Effect.Effect<A, SqlError.SqlError> =>
  Effect.catchDefect(sql.withTransaction(statements), (defect) =>
    SqlError.isSqlError(defect) ? Effect.fail(defect) : Effect.die(defect)
  )
