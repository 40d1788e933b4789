/**
 * A corrected clock, for a machine whose clock is wrong and cannot be set: proofs, assertions and the validation of tokens then
 * use the correct time.
 *
 * **When to use**
 *
 * For an offset of this machine that is known. For the clock of the provider there is `clockTolerance`, an option of the
 * registration.
 *
 * **Gotchas**
 *
 * - It changes the clock of the whole program that it is provided to, logs included. Provide it outermost.
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

/**
 * A clock that is later by a duration, or earlier by a negative one. The monotonic clock does not change.
 *
 * @since 0.1.0
 * @stability unstable
 */
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

/**
 * Corrects the clock of the program: `behind` is how far it lags, negative if it is ahead.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (behind: Duration.Input): Layer.Layer<never> =>
  Clock.Clock.useSync((clock) => make(clock, behind)).pipe(Layer.effect(Clock.Clock))
