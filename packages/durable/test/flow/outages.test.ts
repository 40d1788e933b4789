// An approval that is started while something happens at one of the statements, or with a database whose clock is another one.

import { it } from "@effect/vitest"
import { UserHint } from "@effect-ciba/core"
import { Approvals, SqliteDatabase, WaitStore, WaitWorker } from "@effect-ciba/durable"
import { TestUser } from "@effect-ciba/testing"
import { Clock, type DateTime, Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { DatabaseClock } from "../../src/internal/DatabaseClock.ts"
import { ClockTest } from "../support/Databases.ts"
import * as Faults from "../support/Faults.ts"
import { makeCiba, makeOptions } from "../support/TestApproval.ts"
import { countRequests, finish } from "../support/Time.ts"

const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }

const makeNode = Effect.gen(function* () {
  const faults = yield* Faults.make
  const options = yield* makeOptions
  const parts = Effect.all({ approvals: Approvals.make(options), worker: WaitWorker.make() })
  const made = yield* Effect.flatMap(WaitStore.make(options), (store) =>
    Effect.provideService(parts, WaitStore.WaitStore, store)
  ).pipe(Effect.provideService(SqlClient.SqlClient, faults.client))
  return { ...faults, ...made }
})

const provide = Effect.provide(
  Layer.fresh(
    Layer.mergeAll(
      makeCiba({ user: TestUser.approve({ subject: "jo" }) }),
      SqliteDatabase.layer({ filename: ":memory:" }),
      ClockTest
    )
  )
)

/** Starts an approval with a fault, and once more without. */
const startTwice = (first: typeof request, fault: Faults.Fault) =>
  Effect.gen(function* () {
    const { approvals, isDone, plant } = yield* makeNode
    yield* plant(fault)
    yield* Effect.flatMap(Effect.forkChild(Effect.exit(approvals.start("transfer-17", first))), finish)
    yield* TestClock.adjust("20 seconds")
    const again = yield* Effect.flatMap(Effect.forkChild(approvals.start("transfer-17", request)), finish)
    return { again, isPlanted: yield* isDone, requests: yield* countRequests("backchannel") }
  }).pipe(provide)

/** A start executes as many, transactions included. */
const statements = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]

const faults = statements.flatMap((nth) => [{ nth, when: "before" } as const, { nth, when: "after" } as const])

it.effect.each(faults)("asks once, and burns no key, if the database fails $when statement $nth of a start", (fault) =>
  Effect.gen(function* () {
    const { again, isPlanted, requests } = yield* startTwice(request, fault)
    expect(isPlanted).toBe(true)
    expect(again.status).toBe("Pending")
    expect(requests).toBe(1)
  })
)

it.effect.each(statements)(
  "asks once, and loses no acknowledgement, if its caller is interrupted at statement %i of a start",
  (nth) =>
    Effect.gen(function* () {
      const { approvals, isDone, plant } = yield* makeNode
      const caller = yield* Effect.forkChild(approvals.start("transfer-17", request), { startImmediately: false })
      yield* plant({ nth, when: Effect.forkDetach(Fiber.interrupt(caller), { startImmediately: true }) })
      const again = Effect.andThen(Fiber.await(caller), approvals.start("transfer-17", request))
      const started = yield* Effect.flatMap(Effect.forkChild(again), finish)
      expect(started.status).toBe("Pending")
      expect(yield* isDone).toBe(true)
      expect(yield* countRequests("backchannel")).toBe(1)
    }).pipe(provide)
)

it.effect.each([-3_600_000, 3_600_000])(
  "is the same with a clock of the database that is %i ms ahead of the process",
  (ahead) =>
    Effect.gen(function* () {
      const { approvals, worker } = yield* makeNode
      const databaseTime = Effect.map(Clock.currentTimeMillis, (now) => now + ahead)
      const expectBetween = (from: number, instant: DateTime.Utc | undefined, to: number) => {
        expect(instant?.epochMilliseconds).toBeGreaterThanOrEqual(from)
        expect(instant?.epochMilliseconds).toBeLessThanOrEqual(to)
      }
      const before = yield* databaseTime
      const started = yield* Effect.flatMap(Effect.forkChild(approvals.start("transfer-17", request)), finish)
      const acknowledged = yield* databaseTime
      expectBetween(before, started.startedAt, acknowledged)
      expectBetween(before + 300_000, started.expiresAt, acknowledged + 300_000)
      const result = yield* Effect.forkChild(approvals.result("transfer-17"))
      yield* Effect.repeat(Effect.andThen(TestClock.adjust("1 second"), worker.runDue), { times: 5 })
      const polled = yield* databaseTime
      expect(yield* finish(result)).toMatchObject({ subject: "jo" })
      expectBetween(acknowledged, (yield* approvals.status("transfer-17")).decidedAt, polled)
    }).pipe(
      Effect.provideService(DatabaseClock, (sql) =>
        Effect.map(Clock.currentTimeMillis, (now) => sql.literal(String(now + ahead)))
      ),
      provide
    )
)

const refused = { ...request, hint: UserHint.login("no-one") }

it.effect.each([1, 2].flatMap((nth) => [{ nth, when: "before" } as const, { nth, when: "after" } as const]))(
  "leaves a key free after a request that was refused, if the database fails $when statement $nth of its start",
  (fault) =>
    Effect.gen(function* () {
      const { again, isPlanted } = yield* startTwice(refused, fault)
      expect(isPlanted).toBe(true)
      expect(again.status).toBe("Pending")
    })
)
