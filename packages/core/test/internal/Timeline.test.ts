// What is due on one clock, which one sleeping fiber waits for.
import { describe, expect, it } from "@effect/vitest"
import { Clock, Context, Effect, type Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Timeline from "../../src/internal/Timeline.ts"
import { withSleep } from "../support/ClockWithSleep.ts"

/** The clock of the test, which has the fibers that have slept. */
const observeSleepers = Effect.map(Clock.Clock, (clock) => {
  const sleepers: Array<Fiber.Fiber<unknown, unknown>> = []
  const observed = withSleep(clock, (duration) =>
    Effect.withFiber((sleeper) => {
      sleepers.push(sleeper)
      return clock.sleep(duration)
    })
  )
  return { sleepers, observed }
})

const setUp = Effect.gen(function* () {
  const { observed, sleepers } = yield* observeSleepers
  const context = yield* Effect.context<never>()
  const due: Array<string> = []
  const timeline = Timeline.makeTimelines()(observed)
  const makeEntry = (name: string): Timeline.Entry => ({
    at: 0,
    index: -1,
    onDue: () => {
      due.push(name)
      if (name === "broken") throw new Error(name)
    }
  })
  const set = (name: string, at: number) => timeline.set(makeEntry(name), at, context)
  return { context, due, makeEntry, set, sleepers, timeline }
})

describe("Timeline", () => {
  it.effect("calls back in the order in which entries are due, from a single fiber", () =>
    Effect.gen(function* () {
      const { due, set, sleepers } = yield* setUp
      set("second", 2000)
      set("third", 3000)
      set("first", 1000)
      yield* TestClock.adjust("2500 millis")
      expect(due).toEqual(["first", "second"])
      yield* TestClock.adjust("1 second")
      expect(due).toEqual(["first", "second", "third"])
      expect(sleepers.every((sleeper) => sleeper.pollUnsafe() !== undefined)).toBe(true)
    })
  )

  it.effect("calls back for the other entries though one of them throws", () =>
    Effect.gen(function* () {
      const { due, set } = yield* setUp
      set("broken", 1000)
      set("next", 2000)
      yield* TestClock.adjust("3 seconds")
      set("later", 4000)
      yield* TestClock.adjust("1 second")
      expect(due).toEqual(["broken", "next", "later"])
    })
  )

  it.effect("keeps nothing of the context of the caller for whom it begins to sleep", () =>
    Effect.gen(function* () {
      class Request extends Context.Service<Request, string>()("test/Request") {}
      const { context, makeEntry, sleepers, timeline } = yield* setUp
      timeline.set(makeEntry("first"), 1000, Context.add(context, Request, "of the first caller"))
      expect(sleepers.map((sleeper) => Context.getOption(sleeper.context, Request)._tag)).toEqual(["None"])
    })
  )

  it.effect("goes on though its sleep is interrupted", () =>
    Effect.gen(function* () {
      const { due, set, sleepers } = yield* setUp
      set("first", 1000)
      sleepers[0]?.interruptUnsafe()
      yield* TestClock.adjust("1 second")
      expect(due).toEqual(["first"])
    })
  )

  it.effect("replaces a sleeper whose timer was lost, as on workerd with the request that has set it", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let isLost = true
      const context = yield* Effect.context<never>()
      const due: Array<string> = []
      const timeline = Timeline.makeTimelines()(
        withSleep(clock, (duration) => (isLost ? Effect.never : clock.sleep(duration)))
      )
      const set = (name: string, at: number) =>
        timeline.set({ at: 0, index: -1, onDue: () => void due.push(name) }, at, context)
      set("of the request that ended", 1000)
      isLost = false
      yield* TestClock.adjust("3 seconds")
      expect(due).toEqual([])
      set("of the next one", 5000)
      yield* TestClock.adjust("2 seconds")
      expect(due).toEqual(["of the request that ended", "of the next one"])
    })
  )
})
