/** A caller's schedule, which is stepped once for each poll after which the wait continues. */
import { Clock, Duration, Effect, Pull, Schedule } from "effect"

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

/** What would happen without the schedule: the next poll, and the delay before it in milliseconds. */
export interface Plan {
  readonly next: NextPoll
  readonly delay: number
}

/** The least delay that the schedule wants, in milliseconds, or its end. */
export type Pace = (result: PollResult, plan: Plan) => Effect.Effect<number | "stop">

/** Begins the schedule that is composed from the plans. */
export const make = (compose: Compose, first: Plan): Effect.Effect<Pace> =>
  Effect.suspend(() => {
    let current = first
    const policy = Schedule.fromStep(
      Effect.succeed(() =>
        Effect.sync((): [NextPoll, Duration.Duration] => [current.next, Duration.millis(current.delay)])
      )
    )
    return Effect.map(
      Schedule.toStep(compose(policy)),
      (step) => (result: PollResult, plan: Plan) =>
        Effect.flatMap(Clock.currentTimeMillis, (wallClock) => {
          current = plan
          const least = Effect.map(step(wallClock, result), ([, delay]): number | "stop" => Duration.toMillis(delay))
          return Pull.catchDone(least, () => Effect.succeed("stop" as const))
        })
    )
  })
