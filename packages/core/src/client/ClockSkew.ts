/**
 * The time, where the machine's own clock is wrong and cannot be set right: proofs, assertions and the judgement of tokens
 * then go by the true time.
 *
 * **Gotchas**
 *
 * - It changes the clock of the whole program that it is provided to, logs included. Provide it outermost.
 * - For the clocks of others there is `clockTolerance`, an option of the registration.
 *
 * **Example** (A clock that is an hour behind)
 *
 * ```ts
 * import { ClockSkew } from "@effect-ciba/core"
 * import { DateTime, Effect, Layer } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * const machine = TestClock.layer()
 * const corrected = Layer.provideMerge(ClockSkew.layer("1 hour"), machine)
 *
 * const time = Effect.map(DateTime.now, DateTime.formatIso)
 * await Effect.runPromise(Effect.provide(time, machine)) // => "1970-01-01T00:00:00.000Z"
 * await Effect.runPromise(Effect.provide(time, corrected)) // => "1970-01-01T01:00:00.000Z"
 * ```
 */
import { Clock, Duration, Effect, Layer } from "effect"

/** The same clock, so much later; a negative duration is for one that is ahead. Only the wall clock changes. */
export const make = (clock: Clock.Clock, behind: Duration.Input): Clock.Clock => {
  const millis = Duration.toMillis(behind)
  const nanos = BigInt(Math.round(millis)) * 1_000_000n
  return {
    currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + millis,
    currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + millis),
    currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + nanos,
    currentTimeNanos: Effect.map(clock.currentTimeNanos, (now) => now + nanos),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  }
}

/** The clock at hand put right: how far it is behind, or, with a negative duration, ahead. */
export const layer = (behind: Duration.Input): Layer.Layer<never> =>
  Layer.effect(
    Clock.Clock,
    Clock.clockWith((clock) => Effect.succeed(make(clock, behind)))
  )
