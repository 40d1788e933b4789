import { expect, it } from "@effect/vitest"
import { Clock, DateTime, Effect } from "effect"
import { TestClock } from "effect/testing"
import * as MonotonicClock from "../../src/internal/MonotonicClock.ts"

it.effect("a date is as far ahead on the monotonic clock as it is on the other one", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(1_700_000_000_000)
    const clock = yield* Clock.Clock
    /** Since the machine has started, and with a fraction of a millisecond. */
    const sinceStart: Clock.Clock = { ...clock, monotonicTimeNanosUnsafe: () => 90_000_500_000n }
    const read = yield* Effect.all([
      MonotonicClock.monotonicNow,
      MonotonicClock.toMonotonic(DateTime.makeUnsafe(1_700_000_060_000)),
      MonotonicClock.toMonotonic(DateTime.makeUnsafe(1_699_999_999_000))
    ]).pipe(Effect.provideService(Clock.Clock, sinceStart))
    expect(read).toEqual([90_000.5, 150_000.5, 89_000.5])
  })
)
