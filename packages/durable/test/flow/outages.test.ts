// An approval that is started while the database fails at one of the statements.

import { it } from "@effect/vitest"
import { UserHint } from "@effect-ciba/core"
import { Approvals, SqliteDatabase, WaitStore } from "@effect-ciba/durable"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { ClockTest } from "../support/Databases.ts"
import * as Faults from "../support/Faults.ts"
import { makeCiba, makeOptions } from "../support/TestApproval.ts"
import { countRequests, finish } from "../support/Time.ts"

const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }

const makeNode = Effect.gen(function* () {
  const faults = yield* Faults.make
  const options = yield* makeOptions
  const approvals = yield* Effect.flatMap(WaitStore.make(options), (store) =>
    Effect.provideService(Approvals.make(options), WaitStore.WaitStore, store)
  ).pipe(Effect.provideService(SqlClient.SqlClient, faults.client))
  return { ...faults, approvals }
})

/** Starts an approval with a fault, and once more without. */
const startTwice = (first: typeof request, fault: Faults.Fault) =>
  Effect.gen(function* () {
    const { approvals, isDone, plant } = yield* makeNode
    yield* plant(fault)
    yield* Effect.flatMap(Effect.forkChild(Effect.exit(approvals.start("transfer-17", first))), finish)
    yield* TestClock.adjust("20 seconds")
    const again = yield* Effect.flatMap(Effect.forkChild(approvals.start("transfer-17", request)), finish)
    return { again, isPlanted: yield* isDone, requests: yield* countRequests("backchannel") }
  }).pipe(
    Effect.provide(makeCiba()),
    Effect.provide(SqliteDatabase.layer({ filename: ":memory:" })),
    Effect.provide(ClockTest)
  )

const faults = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].flatMap((nth) => [
  { nth, when: "before" } as const,
  { nth, when: "after" } as const
])

it.effect.each(faults)("asks once, and burns no key, if the database fails $when statement $nth of a start", (fault) =>
  Effect.gen(function* () {
    const { again, isPlanted, requests } = yield* startTwice(request, fault)
    expect(isPlanted).toBe(true)
    expect(again.status).toBe("Pending")
    expect(requests).toBe(1)
  })
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
