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
import { Cause, Clock, Duration, Effect, Pull, Schedule } from "effect"
import { monotonicNow } from "../internal/MonotonicClock.ts"
import * as Wait from "./Wait.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export { monotonicNow }

/**
 * What the policy needs from one poll to the next.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface State {
  /** The least time between two polls, with what every `slow_down` has added. */
  readonly interval: Duration.Duration
  /** The instant at which the request expires. */
  readonly deadline: number
  /** Consecutive faults. */
  readonly faults: number
}

/**
 * The result of a poll after which the wait continues.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface PollResult {
  readonly _tag: "Pending" | "SlowDown" | "Fault"
  /** The instant at which the poll was sent. */
  readonly sentAt: number
  /** The delay of the response's `Retry-After`. */
  readonly retryAfter?: Duration.Duration | undefined
  /** Whether the poll was aborted because no response arrived in time. */
  readonly timedOut?: boolean
}

/**
 * What to do next: poll at an instant; or end, because the request expires before, or because the caller's schedule has ended.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type NextPoll =
  | { readonly _tag: "Poll"; readonly at: number; readonly state: State }
  | { readonly _tag: "Expired" }
  | { readonly _tag: "Stopped" }

/**
 * A caller's change to the policy: it can only make it slower, or end it.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Compose = (policy: Schedule.Schedule<NextPoll, PollResult>) => Schedule.Schedule<unknown, PollResult>

/**
 * The first poll: one interval from now, because some providers count the interval from their acknowledgement. If the
 * request expires before that, just before its expiry.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const start = (state: State, now: number): NextPoll =>
  planPoll(now + Duration.toMillis(state.interval), now, state, now)

/**
 * The first poll of a wait that is resumed: not before the instant that was decided before.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const resume = (state: State, notBefore: number, now: number): NextPoll =>
  pollAt(Math.max(now, notBefore), state)

/**
 * The interval after a result: what `slow_down` adds is permanent.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const intervalAfter = (interval: Duration.Duration, result: PollResult): Duration.Duration =>
  result._tag === "SlowDown" ? Duration.sum(interval, Duration.seconds(5)) : interval

/**
 * The next poll, after a result that arrived `now`.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const step = (state: State, result: PollResult, now: number): NextPoll => {
  const interval = intervalAfter(state.interval, result)
  const next = { ...state, interval, faults: result._tag === "Fault" ? state.faults + 1 : 0 }
  const elapsed = now - result.sentAt
  return planPoll(now + delay(next, result, elapsed), now + leastDelay(next, result, elapsed), next, now)
}

/**
 * The policy as a schedule on the injected clock; `compose` makes it slower or limits it.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const schedule = (begin: State, compose?: Compose): Schedule.Schedule<NextPoll, PollResult> =>
  compose === undefined ? policy(begin) : combineSlower(begin, compose(policy(begin)))

/**
 * Runs a schedule step by step: what to do after each result, and when.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const toStepper = (
  schedule: Schedule.Schedule<NextPoll, PollResult>
): Effect.Effect<(result: PollResult) => Effect.Effect<NextPoll>> =>
  Effect.map(Schedule.toStep(schedule), (step) =>
    Effect.fnUntraced(function* (result: PollResult): Effect.fn.Return<NextPoll> {
      const next = step(yield* Clock.currentTimeMillis, result)
      const [decision, pause] = yield* Pull.catchDone(next, (last) => Effect.succeed([last, undefined] as const))
      if (decision._tag !== "Poll" || pause === undefined) return decision
      return { ...decision, at: (yield* monotonicNow) + Duration.toMillis(pause) }
    })
  )

const pollAt = (at: number, state: State): NextPoll =>
  at < state.deadline ? { _tag: "Poll", at, state } : { _tag: "Expired" }

const planPoll = (planned: number, least: number, state: State, now: number): NextPoll => {
  const limits = { deadline: state.deadline, interval: Duration.toMillis(state.interval), margin: Wait.defaults.margin }
  return pollAt(Wait.fitPoll(planned, least, limits, now), state)
}

/** The least time from the response to the next poll: none, if the poll took an interval. */
const leastDelay = ({ interval }: State, { _tag, timedOut }: PollResult, elapsed: number): number => {
  const left = Math.max(0, Duration.toMillis(interval) - elapsed)
  const isHeld = _tag === "Pending" && left === 0
  return isHeld || timedOut === true ? left : Duration.toMillis(interval)
}

const delay = (state: State, result: PollResult, elapsed: number): number => {
  const interval = Duration.toMillis(state.interval)
  const retryAfter = result.retryAfter === undefined ? 0 : Duration.toMillis(result.retryAfter)
  if (result._tag === "SlowDown") return Math.max(interval, retryAfter)
  if (result._tag === "Pending") return Math.max(elapsed >= interval ? 0 : interval, retryAfter)
  if (retryAfter > 0) return Math.max(interval, retryAfter)
  const backOff = Math.min(interval * 2 ** (state.faults - 1), Math.max(interval, 30_000))
  return result.timedOut === true ? Math.max(0, backOff - elapsed) : backOff
}

const policy = (begin: State): Schedule.Schedule<NextPoll, PollResult> =>
  Schedule.fromStep(
    Effect.sync(() => {
      let state = begin
      return (_wallClock: number, result: PollResult) =>
        Effect.flatMap(monotonicNow, (now) => {
          const decision = step(state, result, now)
          if (decision._tag !== "Poll") return Cause.done(decision)
          state = decision.state
          return pollAfter(decision, decision.at - now)
        })
    })
  )

const combineSlower = (
  begin: State,
  other: Schedule.Schedule<unknown, PollResult>
): Schedule.Schedule<NextPoll, PollResult> =>
  Schedule.fromStep(
    Effect.gen(function* () {
      const own = yield* Schedule.toStep(policy(begin))
      const others = yield* Schedule.toStep(other)
      const stop = Cause.done<NextPoll>({ _tag: "Stopped" })
      return Effect.fnUntraced(function* (wallClock: number, result: PollResult) {
        const [decision, least] = yield* own(wallClock, result)
        const [, wanted] = yield* Pull.catchDone(others(wallClock, result), () => stop)
        const now = yield* monotonicNow
        const last = Wait.lastPollAt(begin.deadline, Wait.defaults.margin, now)
        const latest = Math.max(last - now, Duration.toMillis(least))
        return yield* pollAfter(decision, Math.min(Duration.toMillis(Duration.max(least, wanted)), latest))
      })
    })
  )

const pollAfter = (next: NextPoll, millis: number): Effect.Effect<[NextPoll, Duration.Duration]> =>
  Effect.succeed([next, Duration.millis(millis)])
