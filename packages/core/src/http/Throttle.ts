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
import { Context, Duration, Effect, Exit, Layer, Option, Scope, Semaphore } from "effect"
import { monotonicNow } from "../internal/MonotonicClock.ts"
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

/** How long a request may wait before it is sent. */
export interface Limit<A, E> {
  /** In milliseconds of the monotonic clock. */
  readonly until: number
  /** A pause delays the request no longer than until this instant of the same clock. */
  readonly pauseUntil: number
  /** Runs in its place if it cannot be sent by then. */
  readonly orElse: Effect.Effect<A, E>
}

/** Runs requests, and pauses them. */
export interface Service {
  /** Runs a request as soon as there is a free slot and no pause. */
  readonly run: <A, E>(request: Effect.Effect<A, E>, limit?: Limit<A, E>) => Effect.Effect<A, E>
  /** Records the result of a request: its failure, or `undefined` for a success. */
  readonly record: (failure: FailedRequest | undefined) => Effect.Effect<void>
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
  const semaphore = yield* Semaphore.make(permits)
  let refusals = 0
  let pausedUntil = Number.NEGATIVE_INFINITY

  const pauseLeft = (latest: number) => Effect.map(monotonicNow, (now) => Math.min(pausedUntil, latest) - now)

  const awaitPause = (latest: number): Effect.Effect<void> =>
    Effect.flatMap(pauseLeft(latest), (left) =>
      left <= 0 ? Effect.void : Effect.andThen(Effect.sleep(Duration.millis(left)), awaitPause(latest))
    )

  /** Takes a slot, and none during a pause: another request may have to be sent before its end. */
  const admit = (latest: number): Effect.Effect<void, never, Scope.Scope> =>
    Effect.gen(function* () {
      yield* awaitPause(latest)
      const slot = yield* Scope.fork(yield* Effect.scope)
      yield* Scope.provide(semaphore.takeScoped(1), slot)
      if ((yield* pauseLeft(latest)) <= 0) return
      yield* Scope.close(slot, Exit.void)
      yield* admit(latest)
    })

  return Throttle.of({
    run: (request, limit) =>
      limit === undefined
        ? Effect.scoped(Effect.andThen(admit(Number.POSITIVE_INFINITY), request))
        : Effect.flatMap(monotonicNow, (now) =>
            Effect.timeoutOption(admit(limit.pauseUntil), Duration.millis(limit.until - now))
          ).pipe(
            Effect.flatMap((admitted) => (Option.isSome(admitted) ? request : limit.orElse)),
            Effect.scoped
          ),
    record: (failure) =>
      Effect.map(monotonicNow, (now) => {
        if (failure?.status !== 429 && failure?.status !== 503) {
          if (failure === undefined) refusals = 0
          return
        }
        const isPaused = now < pausedUntil
        if (!isPaused) refusals += 1
        const backoff = Duration.seconds(isPaused ? 0 : Math.min(2 ** (refusals - 1), 30))
        const pause = Duration.min(failure.retryAfter ?? backoff, maxPause)
        pausedUntil = Math.max(pausedUntil, now + Duration.toMillis(pause))
      })
  })
})

/** The throttle of one client; fails for an invalid `maxConcurrentRequests`. */
export const layer = (options?: Options): Layer.Layer<Throttle, InvalidOption> => Layer.effect(Throttle, make(options))

/** The pause of all requests. The wait that was refused obeys a longer `Retry-After` by itself. */
const maxPause = /* @__PURE__ */ Duration.minutes(5)
