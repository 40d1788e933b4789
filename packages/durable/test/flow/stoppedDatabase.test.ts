// PostgreSQL is stopped for thirty seconds, as a failure stops it, with approvals open and tokens in hand.
import { it } from "@effect/vitest"
import { UserHint } from "@effect-ciba/core"
import { ProviderScript, type RequestRecord, TestProvider, TestUser } from "@effect-ciba/testing"
import { Clock, Effect, Layer, Logger } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { WorkflowEngine } from "effect/workflow"
import { describe, expect } from "vitest"
import { ClockTest, connectTo } from "../support/Databases.ts"
import { hasPostgres, type Postgres, startPostgres } from "../support/Servers.ts"
import { makeCiba } from "../support/TestApproval.ts"
import { awaitRequests, countRequests, finish, realTime } from "../support/Time.ts"
import { makePlace, type Place, startProcess } from "../support/Transfers.ts"

const request = (hint: string) => ({ scope: ["openid"], hint: UserHint.login(hint) })

/** A process with a worker and connections of its own. */
const start = (postgres: Postgres, place: Place) =>
  Effect.flatMap(Layer.build(Layer.fresh(connectTo(postgres))), (database) =>
    Effect.map(Effect.provideContext(startProcess(place, WorkflowEngine.layerMemory), database), (process) => ({
      ...process,
      /** Whether its database can be used. */
      isUp: Effect.match(
        Effect.provideContext(
          SqlClient.SqlClient.use((sql) => sql`select 1`),
          database
        ),
        {
          onFailure: () => false,
          onSuccess: () => true
        }
      )
    }))
  )

type Process = Effect.Success<ReturnType<typeof start>>

/** Lets this much time go by, in steps in which each process may ask its database. */
const pass = (processes: ReadonlyArray<Process>, seconds: number) =>
  Effect.repeat(
    Effect.andThen(
      TestClock.adjust("250 millis"),
      Effect.andThen(
        Effect.forEach(processes, ({ isUp }) => isUp),
        realTime
      )
    ),
    { times: seconds * 4 - 1 }
  )

/** Jo approves at once, and her tokens are in hand when the database is away; Al approves meanwhile. */
const provider = {
  user: [
    TestUser.approve({ subject: "jo", loginHint: "jo@example.com" }),
    TestUser.approve({ subject: "al", loginHint: "al@example.com", after: "20 seconds" })
  ],
  interval: "5 seconds",
  tokenScript: ProviderScript.make([ProviderScript.delay("3 seconds", ProviderScript.proceed)])
} as const

const isPoll = ({ endpoint }: RequestRecord.RequestRecord) => endpoint === "token"

const captureWarnings = () => {
  const warnings: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => {
    if (logLevel !== "Info" && logLevel !== "Debug") warnings.push(String(message))
  })
  return { warnings, layer: Logger.layer([logger]) }
}

describe.skipIf(!hasPostgres)("PostgreSQL that is stopped for thirty seconds", () => {
  it.effect("nothing is polled and nothing is lost, it goes on within five seconds, with one warning a worker", () => {
    const { layer, warnings } = captureWarnings()
    return Effect.gen(function* () {
      const postgres = yield* startPostgres
      const place = yield* makePlace
      const processes = [yield* start(postgres, place), yield* start(postgres, place)] as const
      const [one, other] = processes
      yield* one.approvals.start("in hand", request("jo@example.com"))
      yield* pass(processes, 2)
      for (const key of ["a", "b", "c"]) yield* other.approvals.start(key, request("al@example.com"))
      const transfer = yield* Effect.forkChild(one.execute("17"))
      const results = yield* Effect.forkChild(
        Effect.forEach(["in hand", "a", "b", "c"], other.approvals.result, { concurrency: "unbounded" })
      )
      // Its first poll is under way; the others are due while the database is away.
      yield* pass(processes, 4)
      yield* awaitRequests("token", 1)
      yield* postgres.stop
      const stoppedAt = yield* Clock.currentTimeMillis
      yield* pass(processes, 30)
      const requests = yield* countRequests("backchannel")
      expect(yield* Effect.flip(one.approvals.start("new", request("al@example.com")))).toMatchObject({
        _tag: "SqlError"
      })
      expect(yield* countRequests("backchannel")).toBe(requests)
      yield* postgres.start
      yield* Effect.forEach(processes, ({ isUp }) => Effect.repeat(isUp, { until: (up) => up }))
      const startedAt = yield* Clock.currentTimeMillis
      expect((yield* finish(results)).map(({ subject }) => subject)).toEqual(["jo", "al", "al", "al"])
      expect(yield* finish(transfer)).toMatchObject({ subject: "jo", status: "Verified" })
      const polls = (yield* TestProvider.TestProvider.use((test) => test.requests)).filter(isPoll)
      expect(polls.filter(({ at }) => at > stoppedAt && at < startedAt)).toEqual([])
      const resumedAt = Math.min(...polls.flatMap(({ at }) => (at >= startedAt ? [at] : [])))
      expect(resumedAt - startedAt).toBeLessThanOrEqual(5000)
      // Each is redeemed once: the tokens in hand are stored, and not asked for again.
      expect(
        polls.map(({ error }) => error ?? "tokens").filter((answer) => answer !== "authorization_pending")
      ).toEqual(Array.from({ length: 5 }, () => "tokens"))
      expect(warnings).toHaveLength(processes.length)
      for (const warning of warnings) expect(warning).toContain("the database cannot be used")
    }).pipe(Effect.provide(Layer.mergeAll(makeCiba(provider), ClockTest, layer)))
  })
})
