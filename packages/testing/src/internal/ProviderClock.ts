/** The clock of the provider's machine, which may be ahead of the client's or behind it. */
import { Clock, type Duration, Effect } from "effect"

/** Runs what the provider does by its own wall clock; what it waits for takes as long on both. */
export type RunOnProviderClock = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** A clock that is so many milliseconds ahead. */
export const make =
  (skew: number): RunOnProviderClock =>
  (effect) =>
    skew === 0
      ? effect
      : Effect.flatMap(Clock.Clock, (clock) =>
          Effect.provideService(effect, Clock.Clock, {
            currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + skew,
            currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + skew),
            currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + nanos(skew),
            currentTimeNanos: Effect.map(clock.currentTimeNanos, (now) => now + nanos(skew)),
            monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
            monotonicTimeNanos: clock.monotonicTimeNanos,
            sleep: (duration: Duration.Duration) => clock.sleep(duration)
          })
        )

const nanos = (millis: number): bigint => BigInt(millis) * 1_000_000n
