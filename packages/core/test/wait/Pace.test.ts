// A caller's own schedule: what it is shown, when it is asked, and what comes of it.
import { describe, expect, it } from "@effect/vitest"
import { PendingStore } from "@effect-ciba/core"
import { Duration, Effect, Fiber, Layer, Schedule } from "effect"
import { TestClock } from "effect/testing"
import type * as Pace from "../../src/wait/Pace.ts"
import {
  endOf,
  makePending,
  provideServices,
  recordTags,
  send,
  slowedDown,
  stub,
  tokens,
  undecided
} from "../support/StubbedPolls.ts"

/** A schedule that leaves the policy as it is, and what it was shown. */
const observe = () => {
  const shown: Array<{ readonly result: Pace.PollResult; readonly next: Pace.NextPoll; readonly delay: number }> = []
  const schedule: Pace.Compose = (policy) =>
    Schedule.tap(policy, ({ duration, input, output }) =>
      Effect.sync(() => void shown.push({ result: input, next: output, delay: Duration.toMillis(duration) }))
    )
  return { shown, schedule }
}

const late = send(Effect.delay(Effect.succeed(undecided), "1 second"))

/** A schedule that never decides, and takes three seconds to be interrupted. */
const slowToEnd: Pace.Compose = () =>
  Schedule.fromStep(Effect.succeed(() => Effect.onInterrupt(Effect.never, () => Effect.sleep("3 seconds"))))

describe("a caller's schedule", () => {
  for (const [where, store] of [
    ["without a store", Layer.empty],
    ["with a store", PendingStore.layerMemory]
  ] as const) {
    it.effect(`is shown each result with the next poll that the policy plans, ${where} (H2)`, () => {
      const { schedule, shown } = observe()
      return Effect.gen(function* () {
        const { driver } = yield* stub([late, send(Effect.succeed(slowedDown)), send(tokens)], { schedule })
        const wait = yield* Effect.forkChild(driver.wait(makePending("a")))
        yield* TestClock.adjust("30 seconds")
        expect(endOf(wait)).toBe("tokens")
        const state = { deadline: 120_000, faults: 0 }
        expect(shown).toEqual([
          {
            result: { _tag: "Pending", sentAt: 5000, retryAfter: undefined },
            next: { _tag: "Poll", at: 11_000, state: { ...state, interval: Duration.seconds(5) } },
            delay: 5000
          },
          {
            result: { _tag: "SlowDown", sentAt: 11_000, retryAfter: undefined },
            next: { _tag: "Poll", at: 21_000, state: { ...state, interval: Duration.seconds(10) } },
            delay: 10_000
          }
        ])
      }).pipe(provideServices(), Effect.provide(store))
    })
  }

  it.effect("is not asked about a poll after which the request expires (H18)", () => {
    const { schedule, shown } = observe()
    return Effect.gen(function* () {
      const untilExpiry = send(Effect.delay(Effect.succeed(slowedDown), "114 seconds"))
      const { driver } = yield* stub([untilExpiry], { schedule, timeout: 120_000 })
      const wait = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("2 minutes")
      expect([endOf(wait), shown]).toEqual(["ExpiredToken", []])
    }).pipe(provideServices())
  })

  it.effect("that never decides is given up at the expiry, and not when a request would be (H18)", () =>
    Effect.gen(function* () {
      const schedule: Pace.Compose = () => Schedule.fromStep(Effect.succeed(() => Effect.never))
      const { began, driver } = yield* stub([late], { schedule })
      const wait = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("119 seconds")
      expect([endOf(wait), began]).toEqual(["waiting", [5]])
      yield* TestClock.adjust("1 second")
      expect([endOf(wait), began]).toEqual(["ExpiredToken", [5]])
    }).pipe(provideServices())
  )

  it.effect("has ended when the interruption of its caller has, and the answer is published once", () =>
    Effect.gen(function* () {
      const pending = makePending("a")
      const tags = yield* recordTags(pending)
      const { driver } = yield* stub([send(Effect.succeed(undecided))], { schedule: slowToEnd })
      const wait = yield* Effect.forkChild(driver.wait(pending))
      yield* TestClock.adjust("6 seconds")
      const leaving = yield* Effect.forkChild(Fiber.interrupt(wait))
      yield* TestClock.adjust("2 seconds")
      expect(leaving.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 second")
      expect(leaving.pollUnsafe()).toBeDefined()
      expect(tags).toEqual(["Resumed", "Polled", "StillPending"])
    }).pipe(provideServices())
  )
})
