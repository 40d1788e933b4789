/**
 * What a ping does to a wait: it ends the pause at once, the first time it comes. Until then polls are rarer, and when it
 * never comes they are all there is.
 *
 * @see CIBA Core 1.0 sections 10.1 and 10.2
 */
import { Duration, Effect, Latch, type Scope } from "effect"
import { instant } from "../internal/MonotonicClock.ts"

/** The ping of one wait. */
export interface Ping {
  /** Whether it may still come. */
  readonly isAwaited: () => boolean
  /** Tells that a poll is on its way: it is the answer to a ping that came before it. */
  readonly polled: () => void
  /** A pause that the ping ends. */
  readonly interrupting: <E>(pause: Effect.Effect<void, E>) => Effect.Effect<void, E>
  /** A pause between polls, longer as long as the ping is awaited. */
  readonly stretched: (pause: Duration.Duration, deadline: number) => Effect.Effect<Duration.Duration>
}

/** No ping will come. */
export const none: Ping = {
  isAwaited: () => false,
  polled: () => undefined,
  interrupting: (pause) => pause,
  stretched: Effect.succeed
}

/** What a wait asks of its ping. */
export interface Options {
  /** The least time between two polls until it comes. */
  readonly fallback: Duration.Duration
  /** Told when it has come. */
  readonly rung: Effect.Effect<void>
}

/** A ping that comes when `rings` ends; until then polls are `fallback` apart, and one comes before the deadline. */
export const make = /* @__PURE__ */ Effect.fnUntraced(function* (
  rings: Effect.Effect<unknown>,
  { fallback, rung }: Options
): Effect.fn.Return<Ping, never, Scope.Scope> {
  const bell = yield* Latch.make()
  let awaited = true
  let hasRung = false
  const ring = Effect.suspend(() => {
    hasRung = true
    return bell.open
  })
  yield* Effect.forkScoped(rings.pipe(Effect.andThen(rung), Effect.andThen(ring)))

  return {
    isAwaited: () => awaited,
    polled: () => {
      if (hasRung) awaited = false
    },
    interrupting: (pause) => (awaited ? Effect.raceFirst(pause, bell.await) : pause),
    stretched: (pause, deadline) =>
      awaited && !hasRung
        ? Effect.map(instant, (now) =>
            Duration.max(pause, Duration.min(fallback, Duration.millis((deadline - now) * 0.9)))
          )
        : Effect.succeed(pause)
  }
})
