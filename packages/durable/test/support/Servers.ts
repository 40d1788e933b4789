// A PostgreSQL server of the tests' own, and a pgbouncer in front of it, if Debian's packages are installed.
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { isInstalled, makeDirectory, programOf, run, runPostgres } from "./PostgresPrograms.ts"

const pgbouncer = "/usr/sbin/pgbouncer"

export const hasPostgres = isInstalled

export const hasPooler = hasPostgres && existsSync(pgbouncer)

/** The pooler goes into the background before it listens. */
const awaitServer = ({ host, port }: Server): void => {
  const isReady = () => spawnSync(programOf("pg_isready"), ["-h", host, "-p", String(port)]).status === 0
  for (let attempt = 1; !isReady(); attempt += 1) {
    if (attempt === 1000) throw new Error(`nothing listens in ${host}`)
  }
}

/** Where a client connects: each server listens on a socket in a directory of its own. */
export interface Server {
  readonly host: string
  readonly port: number
}

/** A server that can be stopped, as a failure stops it, and started again. */
export interface Postgres extends Server {
  readonly stop: Effect.Effect<void>
  readonly start: Effect.Effect<void>
}

const makePostgres = (host: string): Postgres => {
  const control = (...parameters: ReadonlyArray<string>) =>
    Effect.sync(() => void runPostgres("pg_ctl", "-D", join(host, "data"), "-w", "-s", ...parameters))
  const settings = `-c listen_addresses= -c unix_socket_directories=${host} -c fsync=off`
  return {
    host,
    port: 5432,
    start: control("-l", join(host, "log"), "-o", settings, "start"),
    stop: control("-m", "immediate", "stop")
  }
}

export const startPostgres: Effect.Effect<Postgres, never, Scope.Scope> = Effect.acquireRelease(
  Effect.suspend(() => {
    const host = makeDirectory("durable-")
    runPostgres("initdb", "-D", join(host, "data"), "-U", "postgres", "--auth=trust", "--no-sync")
    const postgres = makePostgres(host)
    return Effect.as(postgres.start, postgres)
  }),
  ({ host, stop }) =>
    Effect.andThen(
      stop,
      Effect.sync(() => rmSync(host, { recursive: true }))
    )
)

/** Gives each transaction one of two connections, for any number of clients. */
const settingsOf = (server: Server, host: string): string => `[databases]
postgres = host=${server.host} port=${server.port} user=postgres
[pgbouncer]
listen_addr =
unix_socket_dir = ${host}
auth_type = any
pool_mode = transaction
default_pool_size = 2
logfile = ${join(host, "log")}
pidfile = ${join(host, "pid")}
`

export const startPooler = (server: Server): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const host = makeDirectory("durable-")
      const settings = join(host, "pgbouncer.ini")
      writeFileSync(settings, settingsOf(server, host))
      run(pgbouncer, "--daemon", settings)
      const pooler = { host, port: 6432 }
      awaitServer(pooler)
      return pooler
    }),
    ({ host }) =>
      Effect.sync(() => {
        process.kill(Number(readFileSync(join(host, "pid"), "utf8")))
        // It removes its own files meanwhile.
        rmSync(host, { recursive: true, force: true, maxRetries: 10 })
      })
  )

/** Sends a signal to a server, and to what it has started for its connections. */
const signal = ({ host }: Server, name: "SIGSTOP" | "SIGCONT"): Effect.Effect<void> =>
  Effect.sync(() => {
    const [server = ""] = readFileSync(join(host, "data", "postmaster.pid"), "utf8").split("\n")
    process.kill(Number(server), name)
    spawnSync("pkill", ["--signal", name, "--parent", server])
  })

/** It does not respond until it goes on, and closes no connection. */
export const freeze = (server: Server): Effect.Effect<void> => signal(server, "SIGSTOP")

export const resume = (server: Server): Effect.Effect<void> => signal(server, "SIGCONT")
