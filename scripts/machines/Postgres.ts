// A PostgreSQL of one's own, from Debian's package, with fsync: it can be stopped and started again.
import { rmSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { makeDirectory, runPostgres } from "../../packages/durable/test/support/PostgresPrograms.ts"

export { isInstalled } from "../../packages/durable/test/support/PostgresPrograms.ts"

export interface Postgres {
  /** The folder of its socket, which is its host. */
  readonly directory: string
  readonly stop: Effect.Effect<void>
  readonly start: Effect.Effect<void>
  /** The text of every table. */
  readonly dump: Effect.Effect<string>
}

/** Runs until the scope is closed; then nothing of it is left. */
export const make: Effect.Effect<Postgres, never, Scope.Scope> = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => makeDirectory("machines-")),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )
  const data = join(directory, "data")
  const counted = "-c shared_preload_libraries=pg_stat_statements"
  const settings = `-c listen_addresses= -c unix_socket_directories=${directory} ${counted}`
  const control = (...parameters: ReadonlyArray<string>) =>
    Effect.sync(() => void runPostgres("pg_ctl", "-D", data, "-w", "-s", ...parameters))
  const start = control("-l", join(directory, "log"), "-o", settings, "start")
  const stop = control("-m", "immediate", "stop")
  runPostgres("initdb", "-D", data, "-U", "postgres", "--auth=trust")
  yield* Effect.acquireRelease(start, () => stop)
  runPostgres("psql", "-q", "-h", directory, "-U", "postgres", "-c", "create extension pg_stat_statements")
  return {
    directory,
    start,
    stop,
    dump: Effect.sync(() => runPostgres("pg_dump", "-h", directory, "-U", "postgres"))
  }
})
