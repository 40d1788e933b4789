/** Time that does not jump when the clock of the machine is set. */
import { Clock, Effect } from "effect"

/** Milliseconds on the monotonic clock. */
export const monotonicNow: Effect.Effect<number> = Effect.map(
  Clock.monotonicTimeNanos,
  (nanos) => Number(nanos) / 1_000_000
)
