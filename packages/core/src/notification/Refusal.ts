/** A call to the client notification endpoint that was refused, and the warnings about such calls. */
import { Effect } from "effect"
import { monotonicNow } from "../internal/MonotonicClock.ts"

/**
 * The response to the caller, and what was wrong.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Refusal {
  /** The status of the response. */
  readonly status: number
  readonly problem: string
}

/** Logs a warning for each problem, not more often than once a minute: anyone can call the endpoint. */
export const makeWarn = (): ((refusal: Refusal) => Effect.Effect<void>) => {
  const warnedAt = new Map<string, number>()
  return ({ problem, status }) =>
    Effect.flatMap(monotonicNow, (now) => {
      const last = warnedAt.get(problem)
      if (last !== undefined && now - last < pause) return Effect.void
      warnedAt.set(problem, now)
      return Effect.logWarning(`A call to the client notification endpoint was refused with ${status}: ${problem}`)
    })
}

/** In milliseconds. */
const pause = 60_000
