/**
 * Decides when to poll next: a pure function of the result of each poll, and the `Schedule` made from it.
 *
 * **When to use**
 *
 * `Poll` applies the policy by itself; `compose` (`Poll.Options.schedule`) makes it slower or limits it. Use `step` or
 * `schedule` for a wait of your own.
 *
 * **Details**
 *
 * - `authorization_pending`: a full interval after the response; at once, if the provider held the poll longer than that
 *   (long polling).
 * - `slow_down`: five seconds more, for this and every later poll.
 * - A fault: back off from the interval, doubling up to 30 seconds. The time of a poll that timed out counts.
 * - `Retry-After` makes a delay longer and never shorter.
 * - When no other poll would fit after the next one, that one is sent just before the deadline, but no closer to the one
 *   before than the interval. There is none at or after the deadline.
 * - Instants are milliseconds on any one monotonic clock.
 *
 * **Example** (Slowing down)
 *
 * ```ts
 * import { PollPolicy } from "@effect-ciba/core"
 * import { Duration } from "effect"
 *
 * const state = { interval: Duration.seconds(5), deadline: 120_000, faults: 0 }
 * const decision = PollPolicy.step(state, { _tag: "SlowDown", sentAt: 5_000 }, 5_100)
 *
 * decision._tag === "Poll" && decision.at // => 15_100
 * ```
 *
 * @see CIBA Core 1.0 sections 7.3, 10.1 and 11
 */
import { Cause, Duration, Effect, Schedule } from "effect"
import { monotonicNow } from "../internal/MonotonicClock.ts"
import type { Compose, NextPoll, PollResult, State } from "./Pace.ts"
import * as Pace from "./Pace.ts"
import * as Wait from "./Wait.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export type { Compose, NextPoll, PollResult, State } from "./Pace.ts"
/**
 * @since 0.1.0
 * @stability unstable
 */
export { monotonicNow }

/**
 * The first poll: one interval from now, because some providers count the interval from their acknowledgement. If the
 * request expires before that, just before its expiry.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const start = ({ deadline, interval }: State, now: number): NextPoll =>
  toNextPoll(Wait.start<never, null>(terms, { deadline, interval: Duration.toMillis(interval) }, now)[0])

/**
 * The next poll, after a result that arrived `now`; not before `leastDelay` has passed, in milliseconds.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const step = (state: State, result: PollResult, now: number, leastDelay = 0): NextPoll =>
  toNextPoll(
    Wait.step(toWait(state, result.sentAt), { _tag: "Answered", answer: toAnswer(result), pace: leastDelay }, now)[0]
  )

/**
 * The policy as a schedule on the injected clock; `compose` makes it slower or limits it.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const schedule = (begin: State, compose?: Compose): Schedule.Schedule<NextPoll, PollResult> =>
  Schedule.fromStep(
    Effect.sync(() => {
      let state = begin
      let pace: Pace.Pace | undefined
      return Effect.fnUntraced(function* (_wallClock: number, result: PollResult) {
        const now = yield* monotonicNow
        const planned = step(state, result, now)
        if (planned._tag !== "Poll") return yield* Cause.done(planned)
        const plan = { next: planned, delay: planned.at - now }
        if (compose !== undefined) pace ??= yield* Pace.make(compose, plan)
        const least = pace === undefined ? 0 : yield* pace(result, plan)
        const next: NextPoll = least === "stop" ? { _tag: "Stopped" } : step(state, result, now, least)
        if (next._tag !== "Poll") return yield* Cause.done(next)
        state = next.state
        return [next, Duration.millis(next.at - now)]
      })
    })
  )

const terms: Wait.Terms<null> = { ...Wait.defaults, delivery: "poll", isStored: false, interrupted: null }

const toWait = ({ deadline, faults, interval }: State, sentAt: number): Wait.State<never, null> => ({
  terms,
  deadline,
  interval: Duration.toMillis(interval),
  polls: 0,
  faults,
  lastFault: undefined,
  lost: undefined,
  ping: "none",
  phase: { _tag: "Polling", sentAt, isCancelled: false }
})

const toAnswer = ({ _tag, retryAfter, timedOut = false }: PollResult): Wait.Answer<never, null> => {
  const delay = retryAfter === undefined ? undefined : Duration.toMillis(retryAfter)
  return _tag === "Fault"
    ? { _tag, fault: null, isLost: false, timedOut, retryAfter: delay }
    : { _tag, retryAfter: delay }
}

const toNextPoll = ({ deadline, faults, interval, phase }: Wait.State<never, null>): NextPoll =>
  phase._tag === "Sleeping"
    ? { _tag: "Poll", at: phase.wakeAt, state: { deadline, faults, interval: Duration.millis(interval) } }
    : { _tag: "Expired" }
