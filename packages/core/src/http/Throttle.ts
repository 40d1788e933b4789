/**
 * How hard a provider is worked by everything that waits for it: so many requests at once, and none while it asks for a
 * pause.
 *
 * **Details**
 *
 * - Requests take their turns in the order in which they come.
 * - A 429 or 503 pauses all of them: as long as `Retry-After` says, five minutes at most, or a second, doubling each time
 *   that a pause has not helped. Refusals during a pause are of requests that were sent before it, and prolong nothing.
 */
import { Context, Duration, Effect, Layer, Option, Semaphore } from "effect"
import { monotonicNow } from "../internal/MonotonicClock.ts"

/** The pace. */
export interface Options {
  /** How many requests are under way at once, one at least; 256 by default. */
  readonly maxConcurrentRequests?: number | undefined
}

/** What became of a request that failed. */
export interface FailedRequest {
  readonly status?: number | undefined
  /** The server's wish, where it sent `Retry-After`. */
  readonly retryAfter?: Duration.Duration | undefined
}

/** How long a request waits for its turn. */
export interface Limit<A, E> {
  /** In milliseconds, on the clock that does not jump. */
  readonly until: number
  /** What happens in its place. */
  readonly orElse: Effect.Effect<A, E>
}

/** What requests go through. */
export interface Service {
  /** Runs a request when it is its turn and nothing is paused. */
  readonly run: <A, E>(request: Effect.Effect<A, E>, limit?: Limit<A, E>) => Effect.Effect<A, E>
  /** Learns what became of a request. */
  readonly record: (fault: FailedRequest | undefined) => Effect.Effect<void>
}

/** The pace at one provider. */
export class Throttle extends Context.Service<Throttle, Service>()("@effect-ciba/core/Throttle") {}

/** A pace of one's own. */
export const make = Effect.fnUntraced(function* (options?: Options): Effect.fn.Return<Service> {
  const semaphore = yield* Semaphore.make(Math.floor(Math.max(1, options?.maxConcurrentRequests ?? 256)) || 256)
  let refusals = 0
  let pausedUntil = Number.NEGATIVE_INFINITY

  const unpaused: Effect.Effect<void> = Effect.flatMap(monotonicNow, (now) =>
    pausedUntil <= now ? Effect.void : Effect.andThen(Effect.sleep(Duration.millis(pausedUntil - now)), unpaused)
  )

  const admitted = Effect.andThen(
    Effect.acquireRelease(semaphore.take(1), () => semaphore.release(1), { interruptible: true }),
    unpaused
  )

  return Throttle.of({
    run: (request, limit) =>
      limit === undefined
        ? Effect.scoped(Effect.andThen(admitted, request))
        : Effect.flatMap(monotonicNow, (now) =>
            Effect.timeoutOption(admitted, Duration.millis(limit.until - now))
          ).pipe(
            Effect.flatMap((turn) => (Option.isSome(turn) ? request : limit.orElse)),
            Effect.scoped
          ),
    record: (fault) =>
      Effect.map(monotonicNow, (now) => {
        if (fault?.status !== 429 && fault?.status !== 503) {
          if (fault === undefined) refusals = 0
          return
        }
        const isPaused = now < pausedUntil
        if (!isPaused) refusals += 1
        const own = Duration.seconds(isPaused ? 0 : Math.min(2 ** (refusals - 1), 30))
        const wish = Duration.min(fault.retryAfter ?? own, longest)
        pausedUntil = Math.max(pausedUntil, now + Duration.toMillis(wish))
      })
  })
})

/** The pace as a layer. */
export const layer = (options?: Options): Layer.Layer<Throttle> => Layer.effect(Throttle, make(options))

/** One refusal does not stop everything for longer; the wait that it was for does as it was told. */
const longest = /* @__PURE__ */ Duration.minutes(5)
