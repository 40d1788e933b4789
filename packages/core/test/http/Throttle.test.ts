import { describe, expect, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Throttle from "../../src/http/Throttle.ts"

const seconds = Effect.map(Clock.currentTimeMillis, (now) => now / 1000)

/** Requests of a second each, and when each began. */
const requests = (pace: Throttle.Service, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => pace.run(Effect.tap(seconds, Effect.sleep("1 second"))), {
    concurrency: "unbounded"
  })

const refused = (pace: Throttle.Service, status: number, retryAfter?: Duration.Input) =>
  pace.record({ status, ...(retryAfter && { retryAfter: Duration.fromInputUnsafe(retryAfter) }) })

/** How many seconds from now the next request begins. */
const pause = Effect.fnUntraced(function* (pace: Throttle.Service) {
  const asked = yield* seconds
  const next = yield* Effect.forkChild(pace.run(seconds))
  yield* TestClock.adjust("1 hour")
  return (yield* Fiber.join(next)) - asked
})

describe("the pace at a provider", () => {
  it.effect("lets so many requests be under way at once, in the order in which they come", () =>
    Effect.gen(function* () {
      const pace = yield* Throttle.make({ maxConcurrentRequests: 2 })
      const all = yield* Effect.forkChild(requests(pace, 5))
      yield* TestClock.adjust("3 seconds")
      expect(yield* Fiber.join(all)).toEqual([0, 0, 1, 1, 2])
    })
  )

  it.effect("is no limit to speak of by default: 256", () =>
    Effect.gen(function* () {
      const pace = yield* Throttle.make()
      const all = yield* Effect.forkChild(requests(pace, 257))
      yield* TestClock.adjust("2 seconds")
      const began = yield* Fiber.join(all)
      expect([began.filter((at) => at === 0).length, began[256]]).toEqual([256, 1])
    })
  )

  for (const status of [429, 503]) {
    it.effect(`pauses everything after a ${status}, as long as it says, or for a second (H9, H22)`, () =>
      Effect.gen(function* () {
        const pace = yield* Throttle.make()
        yield* refused(pace, status, "7 seconds")
        expect(yield* pause(pace)).toBe(7)
        yield* pace.record(undefined)
        yield* refused(pace, status)
        expect(yield* pause(pace)).toBe(1)
      })
    )
  }

  it.effect("pauses twice as long each time that it has not helped, half a minute at most, until an answer comes", () =>
    Effect.gen(function* () {
      const pace = yield* Throttle.make()
      const pauses: Array<number> = []
      for (let count = 0; count < 7; count += 1) {
        yield* refused(pace, 503)
        pauses.push(yield* pause(pace))
      }
      expect(pauses).toEqual([1, 2, 4, 8, 16, 30, 30])
      yield* pace.record(undefined)
      yield* refused(pace, 503)
      expect(yield* pause(pace)).toBe(1)
    })
  )

  it.effect("takes all refusals of requests that were under way together for one", () =>
    Effect.gen(function* () {
      const pace = yield* Throttle.make()
      yield* Effect.replicateEffect(refused(pace, 503), 50)
      expect(yield* pause(pace)).toBe(1)
      yield* Effect.replicateEffect(refused(pace, 503), 50)
      expect(yield* pause(pace)).toBe(2)
    })
  )

  it.effect("keeps to the longest wish of several, and to five minutes of one that is longer (H9)", () =>
    Effect.gen(function* () {
      const pace = yield* Throttle.make()
      yield* refused(pace, 503, "20 seconds")
      yield* refused(pace, 503, "3 seconds")
      yield* refused(pace, 429)
      expect(yield* pause(pace)).toBe(20)
      yield* refused(pace, 503, "10000 days")
      expect(yield* pause(pace)).toBe(300)
    })
  )

  it.effect("is not changed by other faults", () =>
    Effect.gen(function* () {
      const pace = yield* Throttle.make()
      yield* refused(pace, 503)
      expect(yield* pause(pace)).toBe(1)
      yield* refused(pace, 502, "1 minute")
      yield* pace.record({})
      expect(yield* pause(pace)).toBe(0)
      yield* refused(pace, 503)
      expect(yield* pause(pace)).toBe(2)
    })
  )

  it.effect(
    "keeps nobody beyond the limit, neither in the queue nor in a pause, and takes the others in their turn",
    () =>
      Effect.gen(function* () {
        const pace = yield* Throttle.make({ maxConcurrentRequests: 1 })
        const late = (until: number) => ({ until, orElse: Effect.map(seconds, (at) => -at) })
        const long = yield* Effect.forkChild(pace.run(Effect.sleep("10 seconds")))
        yield* Effect.yieldNow
        const queued = yield* Effect.forkChild(pace.run(seconds, late(4000)))
        const patient = yield* Effect.forkChild(pace.run(seconds, late(60_000)))
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(long)
        expect([yield* Fiber.join(queued), yield* Fiber.join(patient)]).toEqual([-4, 10])
        yield* refused(pace, 503, "20 seconds")
        const paused = yield* Effect.forkChild(pace.run(seconds, late(15_000)))
        yield* TestClock.adjust("20 seconds")
        expect([yield* Fiber.join(paused), yield* pause(pace)]).toEqual([-15, 0])
      })
  )

  it.effect("gives the turn of one that was interrupted to the next, waiting or under way (H25)", () =>
    Effect.gen(function* () {
      const pace = yield* Throttle.make({ maxConcurrentRequests: 1 })
      const first = yield* Effect.forkChild(pace.run(Effect.never))
      const second = yield* Effect.forkChild(pace.run(Effect.never, { until: 60_000, orElse: Effect.void }))
      const third = yield* Effect.forkChild(pace.run(seconds))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(second)
      expect(third.pollUnsafe()).toBeUndefined()
      yield* Fiber.interrupt(first)
      expect(yield* Fiber.join(third)).toBe(1)
    })
  )
})
