import { it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { SqlError } from "effect/sql"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import * as DecidedApprovals from "../../src/internal/DecidedApprovals.ts"

const brokenConnection = new SqlError.SqlError({ reason: new SqlError.ConnectionError({ cause: "planted" }) })

it.effect("looks back to its last look after an outage, and no further than some seconds after a rest", () =>
  Effect.gen(function* () {
    let isDown = false
    const spans: Array<number> = []
    const { until } = yield* DecidedApprovals.make({
      interval: "1 second",
      find: (millis) =>
        Effect.suspend(() => {
          spans.push(millis)
          return isDown ? Effect.fail(brokenConnection) : Effect.succeed([])
        })
    })
    yield* TestClock.adjust("1 hour")
    expect(spans).toEqual([])
    const caller = yield* Effect.forkChild(until("transfer-17", Effect.succeedNone))
    yield* TestClock.adjust("2 seconds")
    expect(spans).toEqual([11_000, 11_000])
    isDown = true
    yield* TestClock.adjust("30 seconds")
    isDown = false
    yield* TestClock.adjust("2 seconds")
    expect(spans.slice(-2)).toEqual([41_000, 11_000])
    yield* Fiber.interrupt(caller)
  })
)

it.effect("asks the database once for each of many callers, and then with one look for all of them", () =>
  Effect.gen(function* () {
    let finds = 0
    let looks = 0
    const { until } = yield* DecidedApprovals.make({
      interval: "1 second",
      find: () =>
        Effect.sync(() => {
          looks += 1
          return []
        })
    })
    const find = Effect.sync(() => {
      finds += 1
      return Option.none()
    })
    const keys = Array.from({ length: 2000 }, (_, index) => `transfer-${index}`)
    const callers = yield* Effect.forEach(keys, (key) => Effect.forkChild(until(key, find)))
    yield* TestClock.adjust("1 minute")
    expect({ finds, looks }).toEqual({ finds: 2000, looks: 60 })
    yield* Fiber.interruptAll(callers)
  })
)
