// A run from its first request to what the judge reads.

import { TestClient } from "@effect-ciba/testing"
import { Console, Effect, Fiber, Layer, Redacted } from "effect"
import * as Cast from "./Cast.ts"
import type { Child } from "./Child.ts"
import { databaseOf } from "./Clients.ts"
import type { Calm, Evidence, Outage } from "./Evidence.ts"
import * as Faults from "./Faults.ts"
import * as Log from "./Log.ts"
import * as Postgres from "./Postgres.ts"
import * as Rows from "./Rows.ts"
import { lateShare, type Settings } from "./Settings.ts"

export interface Options {
  readonly settings: Settings
  readonly chance: () => number
  readonly planted: string | undefined
}

/** The connection of the run itself, which plants a hundred thousand rows. */
const direct = { maxConnections: 1, statementTimeout: "2 minutes" } as const

const few = 1000
const many = 100_000

export const run = ({ chance, planted, settings }: Options) =>
  Effect.scoped(
    Effect.gen(function* () {
      const postgres = yield* Postgres.make
      const warnings: Record<string, Array<string>> = {}
      const cast = yield* Cast.make({
        settings,
        planted,
        database: { postgres: postgres.directory },
        onLog: (machine, { level, message, mode }) => {
          if (level !== "WARN" || !message.startsWith("the database cannot be used")) {
            return void (level === "INFO" || console.error(`${machine}, ${mode}: ${message}`))
          }
          const worker = `${machine}, ${mode}`
          warnings[worker] = [...(warnings[worker] ?? []), message]
        }
      })
      const database = yield* Layer.build(databaseOf(cast.configuration.database, direct))
      return yield* Effect.provide(play({ cast, chance, postgres, settings, warnings }), database)
    })
  )

interface Stage {
  readonly cast: Cast.Cast
  readonly chance: () => number
  readonly postgres: Postgres.Postgres
  readonly settings: Settings
  readonly warnings: Record<string, Array<string>>
}

const play = Effect.fnUntraced(function* (stage: Stage) {
  const { cast, chance, postgres, settings, warnings } = stage
  const late = settings.approvals * lateShare
  const first = settings.approvals - late
  const before = Math.min(few, first)
  yield* say(`begins ${before} approvals`)
  yield* cast.begin({ count: before, seconds: 0 })
  const heap = yield* measureHeap(cast.machines)
  if (first > before) {
    yield* say(`begins ${first - before} more`)
    yield* cast.begin({ count: first - before, seconds: 0 })
  }
  yield* say(`polls for ${settings.calm} s without faults`)
  const calm = yield* measureCalm(stage)
  yield* say(`kills, freezes and cuts for ${settings.faults} s`)
  cast.decide(settings.faults + settings.outage)
  const beginning = yield* Effect.forkChild(cast.begin({ count: late, seconds: settings.faults }))
  const faults = yield* Faults.apply(Faults.plan(settings, chance), cast, chance)
  yield* Fiber.join(beginning)
  // A machine that has just gone on may have warned of a connection that it was making: within five seconds that would be the same outage.
  yield* Effect.sleep(6000)
  yield* say(`${faults.length} faults; stops PostgreSQL for ${settings.outage} s`)
  for (const machine of cast.machines) for (const mode of ["poll", "ping"]) warnings[`${machine.name}, ${mode}`] = []
  const outage = yield* stopPostgres(stage)
  yield* say("waits for the last approvals")
  cast.decide(2)
  yield* awaitDecided(settings.rest)
  yield* say("reads what is left")
  const evidence: Evidence = {
    settings,
    log: yield* cast.readLog,
    faults,
    outage: { ...outage, warnings: { ...warnings } },
    rows: yield* Rows.readAll(cast.configuration),
    calm,
    heap,
    dump: yield* postgres.dump,
    secrets: [cast.configuration.key, Redacted.value(TestClient.secret)]
  }
  return evidence
})

const began = performance.now()

const say = (text: string) => Console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}`)

/** The heap of one machine, with few open waits and with many, of which most sleep. */
const measureHeap = Effect.fnUntraced(function* ([machine]: ReadonlyArray<Child>) {
  const measure = machine?.ask({}) ?? Effect.succeed(0)
  const settle = Effect.sleep(2000)
  const fewUsed = yield* Effect.andThen(settle, measure)
  yield* Rows.plant(many - few)
  const manyUsed = yield* Effect.andThen(settle, measure)
  yield* Rows.removePlanted
  return { few: fewUsed, many: manyUsed }
})

const measureCalm = Effect.fnUntraced(function* ({ cast, settings }: Stage) {
  const from = Log.now()
  const before = yield* Rows.readCosts
  yield* Effect.sleep(settings.calm * 1000)
  const to = Log.now()
  const after = yield* Rows.readCosts
  const { tokenRequests } = yield* cast.readLog
  const calm: Calm = {
    polls: tokenRequests.filter(({ arrivedAt }) => arrivedAt >= from && arrivedAt < to).length,
    writes: after.writes - before.writes,
    wal: after.wal - before.wal
  }
  return calm
})

const stopPostgres = Effect.fnUntraced(function* ({ postgres, settings }: Stage) {
  yield* postgres.stop
  const from = Log.now()
  yield* Effect.sleep(settings.outage * 1000)
  const outage: Omit<Outage, "warnings"> = { from, to: Log.now() }
  yield* postgres.start
  return outage
})

const awaitDecided = Effect.fnUntraced(function* (seconds: number) {
  const end = Log.now() + seconds * 1000
  while (Log.now() < end && (yield* Rows.countUndecided) > 0) yield* Effect.sleep(500)
})
