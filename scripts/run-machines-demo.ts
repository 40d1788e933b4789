// `npm run demo:machines`: three workers share some hundred approvals, and every few seconds one of them is killed or frozen. On a
// file of SQLite, or with `--postgres` on a PostgreSQL of its own.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Fiber, Layer } from "effect"
import * as Terminal from "../examples/demo/Terminal.ts"
import { bad, bold, dim, field, good } from "../examples/demo/Terminal.ts"
import * as Cast from "./machines/Cast.ts"
import { databaseOf } from "./machines/Clients.ts"
import * as Faults from "./machines/Faults.ts"
import * as Approvals from "./machines/judge/Approvals.ts"
import * as Polls from "./machines/judge/Polls.ts"
import * as Main from "./machines/Main.ts"
import * as Postgres from "./machines/Postgres.ts"
import * as Rows from "./machines/Rows.ts"
import { leaseOf, demo as settings } from "./machines/Settings.ts"

const usesPostgres = process.argv.includes("--postgres")
if (usesPostgres && !Postgres.isInstalled) {
  console.error("PostgreSQL is not installed: apt-get install postgresql, or leave out --postgres")
  process.exit(1)
}

const sqliteFile = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "machines-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  ),
  (folder) => ({ sqlite: join(folder, "waits.db") })
)

const database = usesPostgres ? Effect.map(Postgres.make, ({ directory }) => ({ postgres: directory })) : sqliteFile

const words = { kill: bad("killed"), freeze: bad("frozen"), cut: bad("cut off") }

const demo = Effect.gen(function* () {
  const terminal = yield* Terminal.Terminal
  const faults: Array<Faults.Fault> = []
  yield* terminal.print(bold("Three workers share the approvals of one database. None of them owns any."), "")
  const cast = yield* Cast.make({ settings, planted: undefined, database: yield* database, onLog: () => {} })
  const sql = yield* Layer.build(databaseOf(cast.configuration.database))

  const count = Effect.gen(function* () {
    const rows = yield* Rows.readAll(cast.configuration)
    const soFar = { faults, log: yield* cast.readLog, rows, settings }
    const open = rows.filter(({ outcome }) => outcome === undefined).length
    const wrong = {
      lost: Approvals.findLost(soFar),
      early: Polls.findEarly(soFar),
      "asked twice": Approvals.findAskedTwice(soFar)
    }
    const zeros = Object.entries(wrong).map(
      ([name, { length }]) => `${name} ${length === 0 ? good("0") : bad(`${length}`)}`
    )
    const line = [`open ${open}`, `decided ${rows.length - open}`, ...zeros].join("   ")
    return { open, line, soFar, isGood: Object.values(wrong).every(({ length }) => length === 0) }
  })
  const watch = Effect.forever(
    Effect.delay(
      Effect.flatMap(count, ({ line }) => (process.stdout.isTTY ? terminal.status(line) : terminal.print(line))),
      "1 second"
    )
  )
  const onFault = (fault: Faults.Fault) => {
    faults.push(fault)
    Effect.runFork(terminal.print(field(`machine ${fault.machine}`, words[fault.kind])))
  }

  return yield* Effect.gen(function* () {
    yield* cast.begin({ count: settings.approvals, seconds: 0 })
    cast.decide(settings.faults)
    const watching = yield* Effect.forkChild(watch)
    yield* Faults.apply(Faults.plan(settings, Math.random), { ...cast, onFault }, Math.random)
    const end = performance.now() + settings.rest * 1000
    while (performance.now() < end && (yield* Rows.countUndecided) > 0) yield* Effect.sleep("500 millis")
    yield* Fiber.interrupt(watching)
    const { isGood, line, open, soFar } = yield* count
    const lease = `${leaseOf(settings) / 1000} seconds`
    yield* terminal.print("", line, dim(`A machine that dies is missed for ${lease} at most, by what it had claimed.`))
    if (!isGood) yield* terminal.print(...Approvals.explain(soFar), ...Polls.explainEarly(soFar))
    return isGood && open === 0
  }).pipe(Effect.provide(sql))
})

Main.run(demo.pipe(Effect.scoped, Effect.provide(Terminal.layer)))
