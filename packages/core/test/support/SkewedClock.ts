// A machine whose system time is changed.
import { Clock, Effect, Layer } from "effect"

/** A wall clock with an adjustable offset; the monotonic clock is not changed. */
export const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  let offset = 0
  const jumpy: Clock.Clock = {
    ...clock,
    currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + offset,
    currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + offset),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  }
  return {
    layer: Layer.succeed(Clock.Clock, jumpy),
    setSkew: (millis: number) => {
      offset = millis
    }
  }
})
