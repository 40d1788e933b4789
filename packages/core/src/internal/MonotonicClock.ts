/** Time that does not jump when the clock of the machine is set. */
import { Clock, DateTime, Effect } from "effect"

/** Milliseconds on the monotonic clock, for code that runs in a fiber anyway. */
export const monotonicNowUnsafe = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

/** Milliseconds on the monotonic clock. */
export const monotonicNow: Effect.Effect<number> = Effect.clockWith((clock) =>
  Effect.succeed(monotonicNowUnsafe(clock))
)

/** A date as an instant on the monotonic clock, in milliseconds. */
export const toMonotonic = (date: DateTime.Utc): Effect.Effect<number> =>
  Effect.zipWith(
    monotonicNow,
    Clock.currentTimeMillis,
    (now, wallClock) => now + DateTime.toEpochMillis(date) - wallClock
  )
