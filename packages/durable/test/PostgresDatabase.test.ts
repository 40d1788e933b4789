import type * as PostgresDatabase from "@effect-ciba/durable/PostgresDatabase"
import { Effect, Exit } from "effect"
import { SqlClient } from "effect/sql"
import { describe, expect, it } from "vitest"
import { layerPooled } from "./support/Databases.ts"
import { hasPooler } from "./support/Servers.ts"

/** Transactions of two statements, more at once than the pooler has connections. */
const transact = (options?: PostgresDatabase.Options) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`create table counter (id int primary key, n int not null)`
    yield* sql`insert into counter (id, n) values (1, 0)`
    const read = sql<{ n: number }>`select n from counter where id = 1 for update`
    const count = sql.withTransaction(
      Effect.flatMap(read, ([row]) => sql`update counter set n = ${(row?.n ?? 0) + 1} where id = 1`)
    )
    yield* Effect.all(
      Array.from({ length: 200 }, () => count),
      { concurrency: 8, discard: true }
    )
    return yield* sql`select n from counter`
  }).pipe(Effect.provide(layerPooled(options)))

describe.skipIf(!hasPooler)(
  "a pooler that gives each transaction another connection (pgbouncer, if it is installed)",
  () => {
    it("transactions succeed behind it, since no statement is prepared on a connection", async () => {
      expect(await Effect.runPromise(transact())).toEqual([{ n: 200 }])
    })

    it("transactions fail behind it with statements that are", async () => {
      const exit = await Effect.runPromiseExit(transact({ prepare: true }))
      expect(Exit.isFailure(exit) && String(exit.cause)).toContain("prepared statement")
    })
  }
)
