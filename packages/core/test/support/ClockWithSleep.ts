// The clock of a test with a sleep of another kind: one that is observed, or lost.
import type { Clock } from "effect"

/** The same clock otherwise; that of a test moves both. */
export const withSleep = (clock: Clock.Clock, sleep: Clock.Clock["sleep"]): Clock.Clock => ({
  ...clock,
  currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
  monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
  sleep
})
