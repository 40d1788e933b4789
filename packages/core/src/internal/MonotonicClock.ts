/** Instants on a clock that does not jump. */
import { Clock, Effect } from "effect"

/** The current instant, in milliseconds on the monotonic clock. */
export const monotonicNow: Effect.Effect<number> = Effect.map(
  Clock.monotonicTimeNanos,
  (nanos) => Number(nanos) / 1_000_000
)
