// The databases of the tests: SQLite in memory or in a file, PostgreSQL, and PostgreSQL behind pgbouncer.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { layer } from "@effect/vitest"
import { SqliteDatabase } from "@effect-ciba/durable"
import * as PostgresDatabase from "@effect-ciba/durable/PostgresDatabase"
import { Clock, Effect, Layer } from "effect"
import type { SqlClient } from "effect/sql"
import { describe } from "vitest"
import { DatabaseClock } from "../../src/internal/DatabaseClock.ts"
import { hasPooler, hasPostgres, type Server, startPooler, startPostgres } from "./Servers.ts"

export const connectTo = ({ host, port }: Server, options?: PostgresDatabase.Options) =>
  PostgresDatabase.layer({ host, port, username: "postgres", database: "postgres", maxConnections: 4, ...options })

const FileTest = Layer.unwrap(
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "durable-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
    ),
    (directory) => SqliteDatabase.layer({ filename: join(directory, "waits.db") })
  )
)

const PostgresTest = Layer.unwrap(Effect.map(startPostgres, (server) => connectTo(server)))

/** Behind a pooler that gives each transaction another connection. */
export const layerPooled = (options?: PostgresDatabase.Options) =>
  Layer.unwrap(Effect.map(Effect.flatMap(startPostgres, startPooler), (pooler) => connectTo(pooler, options)))

/** The clock of the database is the `Clock` of the test. */
export const ClockTest = Layer.succeed(DatabaseClock, (sql: SqlClient.SqlClient) =>
  Effect.map(Clock.currentTimeMillis, (now) => sql.literal(String(now)))
)

type Tests = Parameters<ReturnType<typeof layer<SqlClient.SqlClient, unknown>>>[1]

/** Runs tests with a server, if it is installed. */
const onServer = (
  isInstalled: boolean,
  name: string,
  ...database: Parameters<typeof layer<SqlClient.SqlClient, unknown>>
): ((tests: Tests) => void) =>
  isInstalled
    ? (tests) => layer(...database)(name, tests)
    : () => describe.skip(`${name}, which is not installed`, () => {})

/** Runs tests on PostgreSQL alone; their clock is the `Clock` of the test. */
export const onPostgres = onServer(hasPostgres, "on PostgreSQL", Layer.merge(PostgresTest, ClockTest), {
  timeout: 60_000
})

const live = { timeout: 60_000, excludeTestServices: true }

const onPostgresLive = onServer(hasPostgres, "on PostgreSQL", PostgresTest, live)

/** Runs tests on both databases, in real time: `it.effect` has no `TestClock`. */
export const onBothLive = (tests: Tests): void => {
  layer(SqliteDatabase.layer({ filename: ":memory:" }), live)("on SQLite", tests)
  onPostgresLive(tests)
}

/** Runs tests on both databases; their clock is the `Clock` of the test. */
export const onBoth = (tests: Tests): void => {
  layer(Layer.merge(SqliteDatabase.layer({ filename: ":memory:" }), ClockTest))("on SQLite", tests)
  onPostgres(tests)
}

/** Runs tests behind a pooler; their clock is the `Clock` of the test. */
export const onPooler = onServer(hasPooler, "behind pgbouncer", Layer.merge(layerPooled(), ClockTest), {
  timeout: 60_000
})

/** Runs tests on each database as a program has it; their clock is the `Clock` of the test. */
export const onEach = (tests: Tests): void => {
  layer(Layer.merge(FileTest, ClockTest))("on a file", tests)
  onPostgres(tests)
  onPooler(tests)
}
