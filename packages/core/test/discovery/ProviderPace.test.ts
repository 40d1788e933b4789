import { describe, expect, it } from "@effect/vitest"
import { HttpFault, ProviderPace } from "@effect-ciba/core"
import { Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

const busy = (status: number, retryAfter?: Duration.Input) =>
  new HttpFault.HttpFault({
    kind: "UnexpectedStatus",
    method: "POST",
    url: "https://op.test/token",
    status,
    ...(retryAfter === undefined ? undefined : { retryAfter: Duration.fromInputUnsafe(retryAfter) })
  })

/** When requests run that all want to run now. */
const ran = Effect.fnUntraced(function* (
  pace: ProviderPace.Service,
  count: number,
  takes: Duration.Input,
  latest?: number
) {
  const at: Array<number> = []
  const clock = yield* TestClock.testClockWith(Effect.succeed)
  const request = Effect.andThen(
    Effect.sync(() => void at.push(clock.currentTimeMillisUnsafe())),
    Effect.sleep(takes)
  )
  const fibers = yield* Effect.forEach(Array.from({ length: count }), () =>
    Effect.forkChild(pace.turn(request, latest))
  )
  yield* TestClock.adjust("2 hours")
  yield* Effect.forEach(fibers, Fiber.join)
  return at
})

describe("the pace at a provider", () => {
  it.effect("lets so many requests run at once, in the order in which they come", () =>
    Effect.gen(function* () {
      const pace = yield* ProviderPace.make({ maxConcurrentRequests: 2 })
      expect(yield* ran(pace, 5, "1 second")).toEqual([0, 0, 1000, 1000, 2000])
    })
  )

  for (const status of [429, 503]) {
    it.effect(`pauses everything as long as a ${status} asks for, and a minute at most (H9, H22)`, () =>
      Effect.gen(function* () {
        const pace = yield* ProviderPace.make()
        yield* pace.observe(busy(status, "7 seconds"))
        expect(yield* ran(pace, 2, "1 second")).toEqual([7000, 7000])
        const later = yield* ProviderPace.make()
        yield* later.observe(busy(status, "1 hour"))
        expect(yield* ran(later, 1, "1 second")).toEqual([7_200_000 + 60_000])
      })
    )
  }

  it.effect("pauses for a second, doubling up to 32, where no wish is named, until something succeeds (H22)", () =>
    Effect.gen(function* () {
      const pace = yield* ProviderPace.make()
      const pauses: Array<number> = []
      for (let count = 0; count < 7; count += 1) {
        yield* pace.observe(busy(503))
        const before = count * 7_200_000
        pauses.push(((yield* ran(pace, 1, 0))[0] ?? 0) - before)
      }
      expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 32_000])
      yield* pace.observe(undefined)
      yield* pace.observe(busy(503))
      expect(((yield* ran(pace, 1, 0))[0] ?? 0) - 7 * 7_200_000).toBe(1000)
    })
  )

  it.effect("does not hold a request beyond its latest instant (H18)", () =>
    Effect.gen(function* () {
      const pace = yield* ProviderPace.make()
      yield* pace.observe(busy(503, "1 minute"))
      expect(yield* ran(pace, 1, 0, 20_000)).toEqual([20_000])
    })
  )

  for (const fault of [busy(502, "1 minute"), busy(500)]) {
    it.effect(`does not pause for a ${fault.status}`, () =>
      Effect.gen(function* () {
        const pace = yield* ProviderPace.make()
        yield* pace.observe(fault)
        expect(yield* ran(pace, 1, 0)).toEqual([0])
      })
    )
  }
})
