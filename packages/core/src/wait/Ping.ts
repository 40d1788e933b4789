/**
 * What a ping does to a wait: it ends the pause at once, the first time it comes. Until then polls are rarer, and when it
 * never comes they are all there is.
 *
 * @see CIBA Core 1.0 sections 10.1 and 10.2
 */
import { Duration, Effect, Latch, type Scope } from "effect"
import { monotonicNow } from "../internal/MonotonicClock.ts"

/** The ping of one wait. */
export interface Ping {
  /** Whether it may still come. */
  readonly isAwaited: () => boolean
  /** Tells that a poll is on its way: it is the answer to a ping that came before it. */
  readonly recordPollSent: () => void
  /** A pause that the ping ends. */
  readonly raceWithPing: <E>(pause: Effect.Effect<void, E>) => Effect.Effect<void, E>
  /** A pause between polls, longer as long as the ping is awaited. */
  readonly stretchDelay: (pause: Duration.Duration, deadline: number) => Effect.Effect<Duration.Duration>
}

/** No ping will come. */
export const none: Ping = {
  isAwaited: () => false,
  recordPollSent: () => undefined,
  raceWithPing: (pause) => pause,
  stretchDelay: Effect.succeed
}

/** What a wait asks of its ping. */
export interface Options {
  /** The least time between two polls until it comes. */
  readonly fallback: Duration.Duration
  /** Told when it has come. */
  readonly onPing: Effect.Effect<void>
}

/** A ping that comes when `rings` ends; until then polls are `fallback` apart, and one comes before the deadline. */
export const make = /* @__PURE__ */ Effect.fnUntraced(function* (
  rings: Effect.Effect<unknown>,
  { fallback, onPing }: Options
): Effect.fn.Return<Ping, never, Scope.Scope> {
  const bell = yield* Latch.make()
  let awaited = true
  let hasRung = false
  const ring = Effect.suspend(() => {
    hasRung = true
    return bell.open
  })
  yield* Effect.forkScoped(rings.pipe(Effect.andThen(onPing), Effect.andThen(ring)))

  return {
    isAwaited: () => awaited,
    recordPollSent: () => {
      if (hasRung) awaited = false
    },
    raceWithPing: (pause) => (awaited ? Effect.raceFirst(pause, bell.await) : pause),
    stretchDelay: (pause, deadline) =>
      awaited && !hasRung
        ? Effect.map(monotonicNow, (now) =>
            Duration.max(pause, Duration.min(fallback, Duration.millis((deadline - now) * 0.9)))
          )
        : Effect.succeed(pause)
  }
})
