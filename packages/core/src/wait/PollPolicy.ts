/**
 * When to poll next: a pure function of what happened, and the `Schedule` made from it.
 *
 * **Details**
 *
 * - Pending: a full interval after the answer; at once, where the provider held the poll longer than that.
 * - Slow down: five seconds more, for this and every later poll.
 * - Fault: back off from the interval, doubling up to 30 seconds. A poll that timed out has waited already.
 * - `Retry-After` prolongs a wait and never shortens it.
 * - No poll at or after the deadline: when the next one could only come too late, the wait has expired.
 * - Instants are milliseconds on any one clock that does not jump.
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

export { monotonicNow }

/** What the policy remembers between two polls. */
export interface State {
  /** The least time between two polls, as it is after every slow-down. */
  readonly interval: Duration.Duration
  /** The instant at which the request expires. */
  readonly deadline: number
  /** Faults in a row. */
  readonly faults: number
}

/** What happened to a poll. */
export interface PollResult {
  readonly _tag: "Pending" | "SlowDown" | "Fault"
  /** The instant at which the poll was sent. */
  readonly sentAt: number
  /** The server's wish. */
  readonly retryAfter?: Duration.Duration | undefined
  /** Whether the client gave the poll up because no answer came. */
  readonly timedOut?: boolean
}

/** What to do: poll at an instant, or see that the request has expired, or that the caller's schedule has ended. */
export type NextPoll =
  | { readonly _tag: "Poll"; readonly at: number; readonly state: State }
  | { readonly _tag: "Expired" }
  | { readonly _tag: "Stopped" }

/** A caller's own pace: it can only slow the policy down. */
export type Compose = (policy: Schedule.Schedule<NextPoll, PollResult>) => Schedule.Schedule<unknown, PollResult>

/**
 * The first poll: one interval from now, because several providers count from their acknowledgement. Where the request
 * would expire before that, it comes after nine tenths of the time left.
 */
export const start = (state: State, now: number): NextPoll => {
  const left = state.deadline - now
  return pollAt(now + Math.min(Duration.toMillis(state.interval), left * 0.9), state)
}

/** The first poll of a wait that goes on: not before the instant that the one before it has left. */
export const resume = (state: State, notBefore: number, now: number): NextPoll =>
  pollAt(Math.max(now, notBefore), state)

/** The interval after an answer: what a slow-down adds stays. */
export const intervalAfter = (interval: Duration.Duration, answer: PollResult): Duration.Duration =>
  answer._tag === "SlowDown" ? Duration.sum(interval, Duration.seconds(5)) : interval

/** The next poll, after an answer that arrived `now`. */
export const step = (state: State, answer: PollResult, now: number): NextPoll => {
  const interval = intervalAfter(state.interval, answer)
  const next = { ...state, interval, faults: answer._tag === "Fault" ? state.faults + 1 : 0 }
  return pollAt(now + delay(next, answer, now - answer.sentAt), next)
}

/** The policy as a schedule, on the injected clock; `compose` sets a slower pace or a cap. */
export const schedule = (begin: State, compose?: Compose): Schedule.Schedule<NextPoll, PollResult> =>
  compose === undefined ? policy(begin) : slower(policy(begin), begin.deadline, compose(policy(begin)))

/** A schedule, step by step: what to do after each answer, and when. */
export const toStepper = (
  schedule: Schedule.Schedule<NextPoll, PollResult>
): Effect.Effect<(answer: PollResult) => Effect.Effect<NextPoll>> =>
  Effect.map(Schedule.toStep(schedule), (step) =>
    Effect.fnUntraced(function* (answer: PollResult): Effect.fn.Return<NextPoll> {
      const paused = Effect.map(step(yield* Clock.currentTimeMillis, answer), ([decision, pause]) =>
        decision._tag === "Poll"
          ? Effect.map(monotonicNow, (now): NextPoll => ({ ...decision, at: now + Duration.toMillis(pause) }))
          : Effect.succeed(decision)
      )
      return yield* Effect.flatten(Pull.catchDone(paused, (decision) => Effect.succeed(Effect.succeed(decision))))
    })
  )

const pollAt = (at: number, state: State): NextPoll =>
  at < state.deadline ? { _tag: "Poll", at, state } : { _tag: "Expired" }

const delay = (state: State, answer: PollResult, elapsed: number): number => {
  const interval = Duration.toMillis(state.interval)
  const wish = answer.retryAfter === undefined ? 0 : Duration.toMillis(answer.retryAfter)
  if (answer._tag === "SlowDown") return Math.max(interval, wish)
  if (answer._tag === "Pending") return Math.max(elapsed >= interval ? 0 : interval, wish)
  if (wish > 0) return Math.max(interval, wish)
  const backOff = Math.min(interval * 2 ** (state.faults - 1), Math.max(interval, 30_000))
  return answer.timedOut === true ? Math.max(0, backOff - elapsed) : backOff
}

const policy = (begin: State): Schedule.Schedule<NextPoll, PollResult> =>
  Schedule.fromStep(
    Effect.sync(() => {
      let state = begin
      return (_wallClock: number, answer: PollResult) =>
        Effect.flatMap(monotonicNow, (now) => {
          const decision = step(state, answer, now)
          if (decision._tag !== "Poll") return Cause.done(decision)
          state = decision.state
          return paced(decision, decision.at - now)
        })
    })
  )

const slower = (
  policy: Schedule.Schedule<NextPoll, PollResult>,
  deadline: number,
  other: Schedule.Schedule<unknown, PollResult>
): Schedule.Schedule<NextPoll, PollResult> =>
  Schedule.fromStep(
    Effect.map(
      Effect.all([Schedule.toStep(policy), Schedule.toStep(other)]),
      ([own, others]) =>
        (wallClock: number, answer: PollResult) =>
          Effect.gen(function* () {
            const [decision, least] = yield* own(wallClock, answer)
            const [, wanted] = yield* Pull.catchDone(others(wallClock, answer), () =>
              Cause.done<NextPoll>({ _tag: "Stopped" })
            )
            const now = yield* monotonicNow
            const wait = Duration.toMillis(Duration.max(least, wanted))
            return now + wait < deadline
              ? yield* paced(decision, wait)
              : yield* Cause.done<NextPoll>({ _tag: "Expired" })
          })
    )
  )

const paced = (decision: NextPoll, millis: number): Effect.Effect<[NextPoll, Duration.Duration]> =>
  Effect.succeed([decision, Duration.millis(millis)])
