// The two clocks of a machine whose time is set anew.
import { Clock, Effect, Layer } from "effect"

/** A wall clock that jumps; the other one does not. */
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
