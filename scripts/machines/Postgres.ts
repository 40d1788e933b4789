// A PostgreSQL of one's own, from Debian's package, with fsync: it can be stopped and started again.
import { spawnSync } from "node:child_process"
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"

const root = "/usr/lib/postgresql"

const [version] = (existsSync(root) ? readdirSync(root) : [])
  .filter((name) => existsSync(join(root, name, "bin", "initdb")))
  .sort((one, other) => Number(other) - Number(one))

export const isInstalled = version !== undefined

/** PostgreSQL refuses to run as root. */
const user = userInfo().uid === 0 ? { uid: Number(spawnSync("id", ["-u", "postgres"]).stdout) } : undefined

const run = (program: string, ...parameters: ReadonlyArray<string>): string => {
  const options = { encoding: "utf8", cwd: tmpdir(), maxBuffer: 2 ** 30, ...user } as const
  const { error, status, stderr, stdout } = spawnSync(join(root, version ?? "", "bin", program), parameters, options)
  if (status !== 0) throw new Error(`${program}: ${error?.message ?? `${stderr}${stdout}`}`)
  return stdout
}

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
    Effect.sync(() => mkdtempSync(join(tmpdir(), "machines-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )
  if (user !== undefined) chownSync(directory, user.uid, -1)
  const data = join(directory, "data")
  const counted = "-c shared_preload_libraries=pg_stat_statements"
  const settings = `-c listen_addresses= -c unix_socket_directories=${directory} ${counted}`
  const control = (...parameters: ReadonlyArray<string>) =>
    Effect.sync(() => void run("pg_ctl", "-D", data, "-w", "-s", ...parameters))
  const start = control("-l", join(directory, "log"), "-o", settings, "start")
  const stop = control("-m", "immediate", "stop")
  run("initdb", "-D", data, "-U", "postgres", "--auth=trust")
  yield* Effect.acquireRelease(start, () => stop)
  run("psql", "-q", "-h", directory, "-U", "postgres", "-c", "create extension pg_stat_statements")
  return {
    directory,
    start,
    stop,
    dump: Effect.sync(() => run("pg_dump", "-h", directory, "-U", "postgres"))
  }
})
