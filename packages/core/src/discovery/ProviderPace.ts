/**
 * How hard a provider is worked by everything that waits for it: so many requests at once, and none while it asks for a
 * pause.
 *
 * **Details**
 *
 * - Requests take their turns in the order in which they come.
 * - A 429 or 503 pauses all of them: as long as `Retry-After` says, or a second, doubling with each further one, and a
 *   minute at most. The one that was told to wait longer waits longer by itself.
 */
import { Context, Duration, Effect, Layer, Semaphore } from "effect"
import type { HttpFault } from "../client/HttpFault.ts"
import { instant } from "../internal/Instant.ts"

/** The pace. */
export interface Options {
  /** How many requests are under way at once; 256 by default. */
  readonly maxConcurrentRequests?: number | undefined
}

/** What requests go through. */
export interface Service {
  /** Runs a request when it is its turn and nothing is paused; whatever is paused, not after `latest`. */
  readonly turn: <A, E>(request: Effect.Effect<A, E>, latest?: number) => Effect.Effect<A, E>
  /** Learns what became of a request. */
  readonly observe: (fault: HttpFault | undefined) => Effect.Effect<void>
}

/** The pace at one provider. */
export class ProviderPace extends Context.Service<ProviderPace, Service>()(
  "@effect-ciba/core/discovery/ProviderPace"
) {}

/** A pace of one's own. */
export const make = Effect.fnUntraced(function* (options?: Options): Effect.fn.Return<Service> {
  const semaphore = yield* Semaphore.make(options?.maxConcurrentRequests ?? 256)
  let refusals = 0
  let pausedUntil = Number.NEGATIVE_INFINITY

  const unpaused = (latest: number): Effect.Effect<void> =>
    Effect.flatMap(instant, (now) => {
      const until = Math.min(pausedUntil, latest)
      return until <= now ? Effect.void : Effect.andThen(Effect.sleep(Duration.millis(until - now)), unpaused(latest))
    })

  return ProviderPace.of({
    turn: (request, latest = Number.POSITIVE_INFINITY) =>
      Effect.andThen(unpaused(latest), semaphore.withPermit(request)),
    observe: (fault) =>
      Effect.map(instant, (now) => {
        if (fault === undefined) refusals = 0
        if (fault?.status !== 429 && fault?.status !== 503) return
        const wish = fault.retryAfter ?? Duration.seconds(2 ** Math.min(refusals, 5))
        if (now >= pausedUntil) refusals += 1
        pausedUntil = Math.max(pausedUntil, now + Math.min(Duration.toMillis(wish), longest))
      })
  })
})

/** The pace as a layer. */
export const layer = (options?: Options): Layer.Layer<ProviderPace> => Layer.effect(ProviderPace, make(options))

/** A minute, in milliseconds. */
const longest = 60_000
