// The time limit of requests, which one sleeping fiber keeps for all of them.
import { describe, expect, it } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as TimeLimit from "../../src/http/TimeLimit.ts"
import { withSleep } from "../support/ClockWithSleep.ts"

const limit = () => {
  const limitTime = TimeLimit.make(Duration.seconds(10))
  return <A>(call: Effect.Effect<A, string>) =>
    Effect.forkChild(Effect.result(limitTime(call, () => "late")), { startImmediately: true })
}

const isOver = (fiber: Fiber.Fiber<unknown>): boolean => fiber.pollUnsafe() !== undefined

/** The clock of the test, which counts who sleeps, and has the last that began. */
const countSleeps = Effect.map(Clock.Clock, (clock) => {
  const sleeps: { begun: number; ended: number; sleeper?: Fiber.Fiber<unknown, unknown> } = { begun: 0, ended: 0 }
  const counting = withSleep(clock, (duration) =>
    Effect.withFiber((sleeper) => {
      sleeps.begun += 1
      sleeps.sleeper = sleeper
      return Effect.ensuring(
        clock.sleep(duration),
        Effect.sync(() => {
          sleeps.ended += 1
        })
      )
    })
  )
  return { sleeps, counting }
})

describe("a time limit", () => {
  it.effect("ends each call that lasts beyond it, counted from its own beginning", () =>
    Effect.gen(function* () {
      const run = limit()
      const first = yield* run(Effect.never)
      yield* TestClock.adjust("4 seconds")
      const second = yield* run(Effect.never)
      const quick = yield* run(Effect.as(Effect.sleep("9 seconds"), "in time"))
      yield* TestClock.adjust("5999 millis")
      expect([first, second].map(isOver)).toEqual([false, false])
      yield* TestClock.adjust("1 millis")
      expect([first, second].map(isOver)).toEqual([true, false])
      yield* TestClock.adjust("4 seconds")
      expect([yield* Fiber.join(first), yield* Fiber.join(second), yield* Fiber.join(quick)]).toMatchObject([
        { failure: "late" },
        { failure: "late" },
        { success: "in time" }
      ])
    })
  )

  it.effect("waits until an interrupted call has ended, and times those that begin meanwhile", () =>
    Effect.gen(function* () {
      const run = limit()
      const slow = yield* run(Effect.onInterrupt(Effect.never, () => Effect.sleep("5 seconds")))
      yield* TestClock.adjust("10 seconds")
      const next = yield* run(Effect.never)
      expect([slow, next].map(isOver)).toEqual([false, false])
      yield* TestClock.adjust("5 seconds")
      expect([slow, next].map(isOver)).toEqual([true, false])
      yield* TestClock.adjust("5 seconds")
      expect(yield* Fiber.join(next)).toMatchObject({ failure: "late" })
    })
  )

  it.effect("keeps the failure of a call, and interrupts a call with its caller", () =>
    Effect.gen(function* () {
      const run = limit()
      expect(yield* Fiber.join(yield* run(Effect.fail("refused")))).toMatchObject({ failure: "refused" })
      let isInterrupted = false
      const interrupted = yield* run(
        Effect.onInterrupt(Effect.never, () =>
          Effect.sync(() => {
            isInterrupted = true
          })
        )
      )
      yield* Fiber.interrupt(interrupted)
      expect(isInterrupted).toBe(true)
    })
  )

  it.effect("sleeps once for all calls, and not at all when they have ended", () =>
    Effect.gen(function* () {
      const { counting, sleeps } = yield* countSleeps
      const run = limit()
      const calls = yield* Effect.replicateEffect(run(Effect.sleep("1 second")), 1000).pipe(
        Effect.provideService(Clock.Clock, counting)
      )
      // Each call sleeps, too.
      expect(sleeps.begun).toBe(1001)
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll(calls)
      expect(sleeps.ended).toBe(1001)
    })
  )

  it.effect("is kept by the clock of each caller", () =>
    Effect.gen(function* () {
      const { counting, sleeps } = yield* countSleeps
      const run = limit()
      const one = yield* run(Effect.never)
      const other = yield* Effect.provideService(run(Effect.never), Clock.Clock, counting)
      expect(sleeps.begun).toBe(1)
      yield* TestClock.adjust("10 seconds")
      expect([one, other].map(isOver)).toEqual([true, true])
    })
  )

  it.effect("sleeps once while a call begins another one in its interruption", () =>
    Effect.gen(function* () {
      const { counting, sleeps } = yield* countSleeps
      const limitTime = TimeLimit.make(Duration.seconds(10))
      const revocation = limitTime(Effect.sleep("1 second"), () => "late")
      const call = limitTime(
        Effect.onInterrupt(Effect.never, () => Effect.ignore(revocation)),
        () => "late"
      )
      const fiber = yield* Effect.forkChild(Effect.result(call), { startImmediately: true }).pipe(
        Effect.provideService(Clock.Clock, counting)
      )
      yield* TestClock.adjust("11 seconds")
      expect(yield* Fiber.join(fiber)).toMatchObject({ failure: "late" })
      expect(sleeps.ended).toBe(sleeps.begun)
    })
  )

  it.effect("keeps no context of the call that began first", () =>
    Effect.gen(function* () {
      class Request extends Context.Service<Request, string>()("test/Request") {}
      const { counting, sleeps } = yield* countSleeps
      yield* limit()(Effect.never).pipe(
        Effect.provideService(Request, "of the first caller"),
        Effect.provideService(Clock.Clock, counting)
      )
      expect(sleeps.begun).toBe(1)
      expect(sleeps.sleeper && Context.getOption(sleeps.sleeper.context, Request)).toMatchObject({ _tag: "None" })
    })
  )

  it.effect("holds though its sleep is interrupted", () =>
    Effect.gen(function* () {
      const { counting, sleeps } = yield* countSleeps
      const call = yield* Effect.provideService(limit()(Effect.never), Clock.Clock, counting)
      sleeps.sleeper?.interruptUnsafe()
      yield* TestClock.adjust("10 seconds")
      expect(isOver(call)).toBe(true)
    })
  )

  it.effect("holds for the next call though the clock has failed", () =>
    Effect.gen(function* () {
      const { counting } = yield* countSleeps
      let isBroken = true
      const breaking: Clock.Clock = {
        ...counting,
        sleep: (duration) => (isBroken ? Effect.die("no timer") : counting.sleep(duration))
      }
      const run = limit()
      yield* Effect.provideService(run(Effect.never), Clock.Clock, breaking)
      isBroken = false
      const next = yield* Effect.provideService(run(Effect.never), Clock.Clock, breaking)
      yield* TestClock.adjust("10 seconds")
      expect(isOver(next)).toBe(true)
    })
  )

  it.effect("sleeps for whole milliseconds, which no timer cuts short", () =>
    Effect.gen(function* () {
      const slept: Array<number> = []
      const { counting } = yield* countSleeps
      const recording: Clock.Clock = {
        ...counting,
        sleep: (duration) => {
          slept.push(Duration.toMillis(duration))
          return counting.sleep(duration)
        }
      }
      const run = limit()
      const first = yield* Effect.provideService(run(Effect.never), Clock.Clock, recording)
      yield* TestClock.adjust("0.4 millis")
      const second = yield* Effect.provideService(run(Effect.never), Clock.Clock, recording)
      yield* TestClock.adjust("11 seconds")
      expect([first, second].map(isOver)).toEqual([true, true])
      expect(slept).toEqual([10_000, 1])
    })
  )
})
