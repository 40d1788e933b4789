import { WaitStore, WaitWorker } from "@effect-ciba/durable"
import type * as PostgresDatabase from "@effect-ciba/durable/PostgresDatabase"
import { TestUser } from "@effect-ciba/testing"
import { Effect, Exit, Fiber, Layer, Logger, Option } from "effect"
import { SqlClient } from "effect/sql"
import { describe, expect, it } from "vitest"
import { connectTo, layerPooled } from "./support/Databases.ts"
import { freeze, hasPooler, hasPostgres, resume, type Server, startPostgres } from "./support/Servers.ts"
import { initiate, makeCiba, makeStore } from "./support/TestApproval.ts"

/** So many transactions of two statements, more at once than the pooler has connections. */
const transact = (times: number, options?: PostgresDatabase.Options) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`create table counter (id int primary key, n int not null)`
    yield* sql`insert into counter (id, n) values (1, 0)`
    const read = sql<{ n: number }>`select n from counter where id = 1 for update`
    const count = sql.withTransaction(
      Effect.flatMap(read, ([row]) => sql`update counter set n = ${(row?.n ?? 0) + 1} where id = 1`)
    )
    yield* Effect.all(
      Array.from({ length: times }, () => count),
      { concurrency: 8, discard: true }
    )
    return yield* sql`select n from counter`
  }).pipe(Effect.provide(layerPooled(options)))

describe.skipIf(!hasPooler)(
  "a pooler that gives each transaction another connection (pgbouncer, if it is installed)",
  () => {
    it("transactions succeed behind it, since no statement is prepared on a connection", async () => {
      expect(await Effect.runPromise(transact(200))).toEqual([{ n: 200 }])
    })

    it("transactions fail behind it with statements that are", async () => {
      // The first one that fails ends it: when that is, the pooler decides.
      const exit = await Effect.runPromiseExit(transact(20_000, { prepare: true }))
      expect(Exit.isFailure(exit) && String(exit.cause)).toContain("prepared statement")
    })
  }
)

/** Runs with a server, and a limit that is soon over. */
const withServer = <A, E>(use: (server: Server) => Effect.Effect<A, E, SqlClient.SqlClient>) =>
  Effect.flatMap(startPostgres, (server) =>
    Effect.provide(
      use(server),
      connectTo(server, { statementTimeout: "500 millis", connectTimeout: "2 seconds" })
    ).pipe(Effect.ensuring(resume(server)))
  ).pipe(Effect.scoped, Effect.runPromise)

const noResponse = "the server does not respond within 500ms"

describe("a PostgreSQL that is frozen, or gone without a word", { skip: !hasPostgres }, () => {
  it("a statement fails, and the next one succeeds when the server goes on", () =>
    withServer((server) =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const one = sql`select 1 as one`
        yield* one
        yield* freeze(server)
        expect(yield* Effect.flip(one)).toMatchObject({
          message: noResponse,
          reason: { _tag: "StatementTimeoutError" }
        })
        yield* resume(server)
        expect(yield* one).toEqual([{ one: 1 }])
      })
    ))

  it("a transaction fails that it is frozen within, also at its commit", () =>
    withServer((server) =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const frozen = sql.withTransaction(Effect.andThen(sql`select 1`, freeze(server)))
        expect(yield* Effect.flip(frozen)).toMatchObject({ message: noResponse })
        yield* resume(server)
        yield* sql.withTransaction(sql`select 1`)
      })
    ))

  it("a statement does not fail whose own process was frozen, and its response there meanwhile", () =>
    withServer(() =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`select 1`
        const running = yield* Effect.forkChild(sql`select 1 as one`, { startImmediately: true })
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
        expect(yield* Fiber.join(running)).toEqual([{ one: 1 }])
      })
    ))

  it("a worker says so once, and goes on when the server does", () =>
    withServer((server) =>
      Effect.gen(function* () {
        const warnings: Array<string> = []
        const logger = Logger.make(({ message }) => void warnings.push(String(message)))
        const StoreTest = Layer.effect(WaitStore.WaitStore, makeStore)
        const CibaTest = makeCiba({ user: TestUser.approve(), interval: "1 second" })
        const Live = WaitWorker.layer().pipe(Layer.provideMerge(Layer.merge(StoreTest, CibaTest)))
        yield* Effect.gen(function* () {
          const { find } = yield* WaitStore.WaitStore
          yield* freeze(server)
          yield* Effect.repeat(Effect.sleep("20 millis"), { until: () => Effect.sync(() => warnings.length > 0) })
          yield* Effect.sleep("3 seconds")
          yield* resume(server)
          const { id } = yield* initiate
          const decided = yield* Effect.repeat(Effect.delay(find(id), "20 millis"), { until: Option.isSome })
          expect(Option.getOrThrow(decided).outcome).toBe("Verified")
        }).pipe(Effect.provide(Live), Effect.provide(Logger.layer([logger])))
        expect(warnings).toEqual([
          expect.stringMatching("^the database cannot be used, and nothing is polled until it can")
        ])
      }).pipe(Effect.orDie)
    ))
})

it("a transaction fails that goes on after a statement of it has failed", { skip: !hasPostgres }, () =>
  withServer(() =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const transaction = sql.withTransaction(Effect.ignore(sql`select nothing`))
      const error = yield* Effect.flip(transaction)
      expect(error.message).toBe("the transaction was rolled back, since a statement of it had failed")
    })
  )
)
