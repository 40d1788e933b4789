import { Effect } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { expect } from "vitest"
import { transact } from "../../src/internal/Transaction.ts"
import { onBoth } from "../support/Databases.ts"

/** Ends the transaction for the database, so that the client cannot. */
const end = (sql: SqlClient.SqlClient) =>
  sql.onDialectOrElse({
    pg: () => sql`select pg_terminate_backend(pg_backend_pid())`,
    orElse: () => Effect.andThen(sql`rollback`, sql`select no_such_column`)
  })

onBoth((it) => {
  it.effect("a transaction that can neither be ended nor rolled back fails, and does not die", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      expect(SqlError.isSqlError(yield* Effect.flip(transact(sql, end(sql))))).toBe(true)
      expect(yield* sql`select 1 as one`).toEqual([{ one: 1 }])
    })
  )

  it.effect("a transaction keeps the defects that are not of the database", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const defect = yield* Effect.flip(Effect.catchDefect(transact(sql, Effect.die("planted")), Effect.fail))
      expect(defect).toBe("planted")
    })
  )
})
