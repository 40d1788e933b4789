// The databases of the tests: SQLite in memory, and a PostgreSQL of their own, if Debian's package is installed.
import { spawnSync } from "node:child_process"
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { PgClient } from "@effect/sql-pg"
import { layer } from "@effect/vitest"
import { SqliteDatabase } from "@effect-ciba/durable"
import { Clock, Effect, Layer } from "effect"
import type { SqlClient } from "effect/sql"
import { describe } from "vitest"
import { DatabaseClock } from "../../src/internal/DatabaseClock.ts"

const root = "/usr/lib/postgresql"
const [version] = (existsSync(root) ? readdirSync(root) : [])
  .filter((name) => existsSync(join(root, name, "bin", "initdb")))
  .sort((one, other) => Number(other) - Number(one))

/** PostgreSQL refuses to run as root. */
const run = (program: string, ...parameters: ReadonlyArray<string>): string => {
  const command = [join(root, version ?? "", "bin", program), ...parameters]
  const [file = "", ...rest] = userInfo().uid === 0 ? ["runuser", "-u", "postgres", "--", ...command] : command
  const { status, stderr, stdout } = spawnSync(file, rest, { encoding: "utf8", cwd: tmpdir() })
  if (status !== 0) throw new Error(`${program}: ${stderr}${stdout}`)
  return stdout
}

const startPostgres = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = mkdtempSync(join(tmpdir(), "durable-"))
    if (userInfo().uid === 0) chownSync(directory, Number(spawnSync("id", ["-u", "postgres"]).stdout), -1)
    const data = join(directory, "data")
    run("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync")
    const settings = `-c listen_addresses= -c unix_socket_directories=${directory} -c fsync=off`
    run("pg_ctl", "-D", data, "-w", "-s", "-l", join(directory, "log"), "-o", settings, "start")
    return { directory, data }
  }),
  ({ data, directory }) =>
    Effect.sync(() => {
      run("pg_ctl", "-D", data, "-m", "immediate", "-s", "stop")
      rmSync(directory, { recursive: true })
    })
)

const PostgresTest = Layer.unwrap(
  Effect.map(startPostgres, ({ directory }) =>
    PgClient.layer({ host: directory, username: "postgres", database: "postgres", maxConnections: 4 })
  )
)

/** The clock of the database is the `Clock` of the test. */
export const ClockTest = Layer.succeed(DatabaseClock, (sql: SqlClient.SqlClient) =>
  Effect.map(Clock.currentTimeMillis, (now) => sql.literal(String(now)))
)

type Tests = Parameters<ReturnType<typeof layer<SqlClient.SqlClient, unknown>>>[1]

/** Runs tests on both databases; their clock is the `Clock` of the test. */
export const onBoth = (tests: Tests): void => {
  layer(Layer.merge(SqliteDatabase.layer({ filename: ":memory:" }), ClockTest))("on SQLite", tests)
  if (version === undefined) describe.skip("on PostgreSQL, which is not installed", () => {})
  else layer(Layer.merge(PostgresTest, ClockTest), { timeout: 60_000 })("on PostgreSQL", tests)
}
