/**
 * What a ping does to a wait: the first one ends the delay before the next poll. Until it arrives polls are less frequent,
 * so that the result is found also when it is lost.
 *
 * @see CIBA Core 1.0 sections 10.1 and 10.2
 */
import { Duration, Effect, Latch, type Scope } from "effect"
import { monotonicNow } from "../internal/MonotonicClock.ts"

/** The ping of one wait. */
export interface Ping {
  /** Whether no poll has been sent since the ping arrived, or it has not arrived. */
  readonly isAwaited: () => boolean
  /** Records that a poll is sent: it responds to a ping that has arrived before. */
  readonly recordPollSent: () => void
  /** A delay that the ping ends. */
  readonly raceWithPing: <E>(delay: Effect.Effect<void, E>) => Effect.Effect<void, E>
  /** The delay before a poll, longer until the ping arrives. */
  readonly stretchDelay: (delay: Duration.Duration, deadline: number) => Effect.Effect<Duration.Duration>
}

/** For a wait without a ping. */
export const none: Ping = {
  isAwaited: () => false,
  recordPollSent: () => undefined,
  raceWithPing: (delay) => delay,
  stretchDelay: Effect.succeed
}

/** A ping that arrives when `arrival` succeeds; until then polls are `fallback` apart, and one is sent before the deadline. */
export const make = /* @__PURE__ */ Effect.fnUntraced(function* (
  arrival: Effect.Effect<unknown>,
  fallback: Duration.Duration
): Effect.fn.Return<Ping, never, Scope.Scope> {
  const latch = yield* Latch.make()
  let isAwaited = true
  let hasArrived = false
  const recordArrival = Effect.suspend(() => {
    hasArrived = true
    return latch.open
  })
  yield* Effect.forkScoped(Effect.andThen(arrival, recordArrival))

  return {
    isAwaited: () => isAwaited,
    recordPollSent: () => {
      if (hasArrived) isAwaited = false
    },
    raceWithPing: (delay) => (isAwaited ? Effect.raceFirst(delay, latch.await) : delay),
    stretchDelay: (delay, deadline) =>
      isAwaited && !hasArrived
        ? Effect.map(monotonicNow, (now) =>
            Duration.max(delay, Duration.min(fallback, Duration.millis((deadline - now) * 0.9)))
          )
        : Effect.succeed(delay)
  }
})
