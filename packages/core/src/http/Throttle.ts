/**
 * Limits the requests that are sent to one provider: how many at once, and none while it asks for a pause.
 *
 * **Details**
 *
 * - Requests run in the order in which they arrive, and after a pause in the order in which they began to wait for its end.
 * - A 429 or 503 pauses all of them for the time that `Retry-After` asks for, five minutes at most. Without `Retry-After`
 *   the pause is a second, and doubles with each pause that did not help, up to 30 seconds.
 * - A 429 or 503 that arrives during a pause belongs to a request that was sent before it, and does not count again.
 */
import { type Clock, Context, Duration, Effect, Layer } from "effect"
import { monotonicNowUnsafe } from "../internal/MonotonicClock.ts"
import * as Slots from "../internal/Slots.ts"
import { InvalidOption } from "./InvalidOption.ts"

/** The limit. */
export interface Options {
  /** How many requests are under way at once: a whole number, or `Infinity`; 256 by default. */
  readonly maxConcurrentRequests?: number | undefined
}

/** Why a request failed, as far as it matters here. */
export interface FailedRequest {
  readonly status?: number | undefined
  /** The delay that the response asks for with `Retry-After`. */
  readonly retryAfter?: Duration.Duration | undefined
}

/** Runs requests, and pauses them. */
export interface Service {
  /** Runs a request as soon as there is a free slot and no pause. */
  readonly run: <A, E>(request: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** The slots, for what waits for one without a fiber. */
  readonly slots: Slots.Slots
  /** When the pause ends, if there is one, in milliseconds of the monotonic clock. */
  readonly pauseEnd: (clock: Clock.Clock) => number | undefined
  /** Records the result of a request: its failure, or `undefined` for a success. */
  readonly record: (failure: FailedRequest | undefined, clock: Clock.Clock) => void
}

/** The throttle of one provider. */
export class Throttle extends Context.Service<Throttle, Service>()("@effect-ciba/core/Throttle") {}

/** A throttle without pause; fails for an invalid `maxConcurrentRequests`. */
export const make = Effect.fnUntraced(function* (options?: Options): Effect.fn.Return<Service, InvalidOption> {
  const permits = options?.maxConcurrentRequests ?? 256
  if (permits < 1 || !(Number.isInteger(permits) || permits === Number.POSITIVE_INFINITY)) {
    const problem = `it is ${permits}, and has to be a whole number of at least 1, or Infinity`
    return yield* new InvalidOption({ option: "maxConcurrentRequests", problem })
  }
  const slots = Slots.make(permits)
  let refusals = 0
  let pausedUntil = Number.NEGATIVE_INFINITY

  const pauseLeft = (clock: Clock.Clock) => pausedUntil - monotonicNowUnsafe(clock)

  /** No slot is kept during a pause: another request may have to be sent before its end. */
  const run = <A, E>(request: Effect.Effect<A, E>): Effect.Effect<A, E> => {
    const sent: Effect.Effect<A | typeof paused, E> = slots.run(
      Effect.clockWith(
        (clock): Effect.Effect<A | typeof paused, E> => (pauseLeft(clock) > 0 ? Effect.succeed(paused) : request)
      )
    )
    const sentAfterPause: Effect.Effect<A, E> = Effect.clockWith((clock) => {
      const left = pauseLeft(clock)
      return left > 0
        ? Effect.andThen(Effect.sleep(Duration.millis(left)), sentAfterPause)
        : Effect.flatMap(sent, (result) => (result === paused ? sentAfterPause : Effect.succeed(result)))
    })
    return sentAfterPause
  }

  return Throttle.of({
    run,
    slots,
    pauseEnd: (clock) => (pauseLeft(clock) > 0 ? pausedUntil : undefined),
    record: (failure, clock) => {
      if (failure === undefined) refusals = 0
      if (failure?.status !== 429 && failure?.status !== 503) return
      const now = monotonicNowUnsafe(clock)
      const isPaused = now < pausedUntil
      if (!isPaused) refusals += 1
      const backoff = Duration.seconds(isPaused ? 0 : Math.min(2 ** (refusals - 1), 30))
      const pause = Duration.min(failure.retryAfter ?? backoff, maxPause)
      pausedUntil = Math.max(pausedUntil, now + Duration.toMillis(pause))
    }
  })
})

/** The throttle of one client; fails for an invalid `maxConcurrentRequests`. */
export const layer = (options?: Options): Layer.Layer<Throttle, InvalidOption> => Layer.effect(Throttle, make(options))

/** The result of a request that was not sent. */
const paused: unique symbol = Symbol("paused")

/** The pause of all requests. The wait that was refused obeys a longer `Retry-After` by itself. */
const maxPause = Duration.minutes(5)
