/** A call to the client notification endpoint that was refused: an event, and a warning. */
import { DateTime, Effect, type Stream } from "effect"
import * as Broadcast from "../internal/Broadcast.ts"
import { monotonicNow } from "../internal/MonotonicClock.ts"

/**
 * The response to the caller, and what was wrong.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface NotificationRefused {
  readonly _tag: "NotificationRefused"
  /** The status of the response. */
  readonly status: number
  /** What was wrong with the call, as in the warning. */
  readonly problem: string
  readonly at: DateTime.Utc
}

/** Why a call is refused. */
export interface Refusal extends Pick<NotificationRefused, "problem" | "status"> {
  /** The error of the inbox, for the log alone. */
  readonly cause?: unknown
}

/** What the endpoints of one inbox have refused. */
export interface Refusals {
  /** Publishes an event, and logs a warning, not more often than once a minute for each problem: anyone can call the endpoint. */
  readonly report: (refusal: Refusal) => Effect.Effect<void>
  readonly events: Stream.Stream<NotificationRefused>
}

/** Each subscriber has a buffer of 4096 events, from which the oldest are dropped. */
export const makeRefusals = (): Refusals => {
  const events = Broadcast.make<NotificationRefused>(4096)
  const warnedAt = new Map<string, number>()
  return {
    report: Effect.fnUntraced(function* ({ cause, problem, status }) {
      events.publish({ _tag: "NotificationRefused", status, problem, at: yield* DateTime.now })
      const now = yield* monotonicNow
      const last = warnedAt.get(problem)
      if (last !== undefined && now - last < pause) return
      warnedAt.set(problem, now)
      const text = `A call to the client notification endpoint was refused with ${status}: ${problem}`
      yield* cause === undefined ? Effect.logWarning(text) : Effect.logWarning(text, cause)
    }),
    events: events.values
  }
}

/** In milliseconds. */
const pause = 60_000
