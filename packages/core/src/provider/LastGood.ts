/**
 * A document of the provider that is fetched again after its lifetime. While that lasts or fails, the last good one is used,
 * for a day at most.
 */
import { type Clock, Deferred, Duration, Effect, Exit, type Scope } from "effect"
import { monotonicNowUnsafe } from "../internal/MonotonicClock.ts"

/** A document, and when it was fetched, in epoch milliseconds. */
export interface Fetched {
  readonly fetchedAt: number
}

export interface LastGood<A extends Fetched, E> {
  /** A fresh document, or the last good one where none can be had at once. */
  readonly current: Effect.Effect<A, E>
  /** The document of a fetch from now, or of the one that is under way. */
  readonly renew: Effect.Effect<A, E>
  /** The last good document, whatever its age. */
  readonly last: () => A | undefined
  /** Whether a fetch is under way. */
  readonly isRenewing: () => boolean
}

export interface Options<A, E> {
  readonly fetch: Effect.Effect<A, E>
  /** What an earlier process has kept. */
  readonly load?: Effect.Effect<A | undefined, E> | undefined
  /** How long a document is fresh, in milliseconds. */
  readonly lifetime: number
}

/** Fetches within the scope: a caller that is interrupted does not end what others wait for. */
export const make = Effect.fnUntraced(function* <A extends Fetched, E>({
  fetch,
  lifetime,
  load = Effect.undefined
}: Options<A, E>): Effect.fn.Return<LastGood<A, E>, never, Scope.Scope> {
  const scope = yield* Effect.scope
  let good: A | undefined
  let isLoaded = false
  /** On the monotonic clock, in milliseconds. */
  let attemptedAt = Number.NEGATIVE_INFINITY
  let hasFailed = false
  let underWay: Deferred.Deferred<A, E> | undefined

  const start = (result: Deferred.Deferred<A, E>) =>
    fetch.pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) good = exit.value
          hasFailed = Exit.isFailure(exit)
          underWay = undefined
          Deferred.doneUnsafe(result, exit)
        })
      ),
      Effect.forkIn(scope, { startImmediately: true })
    )

  /** A caller that is interrupted before the fetch has begun would leave others waiting for it. */
  const renew = Effect.uninterruptibleMask((restore) =>
    Effect.clockWith((clock) => {
      if (underWay !== undefined) return restore(Deferred.await(underWay))
      const result: Deferred.Deferred<A, E> = Deferred.makeUnsafe()
      underWay = result
      attemptedAt = monotonicNowUnsafe(clock)
      return Effect.andThen(start(result), restore(Deferred.await(result)))
    })
  )

  /** A renewal that does not succeed soon is not waited for: the next one is tried a while later. */
  const renewSoon = (known: A, clock: Clock.Clock) => {
    const since = monotonicNowUnsafe(clock) - attemptedAt
    if (underWay === undefined ? hasFailed && since < pause : since >= longestWait) return Effect.succeed(known)
    const left = underWay === undefined ? longestWait : longestWait - since
    const settled = Effect.catch(renew, () => Effect.succeed(known))
    return Effect.timeoutOrElse(settled, { duration: left, orElse: () => Effect.succeed(known) })
  }

  const current: Effect.Effect<A, E> = Effect.clockWith((clock) => {
    const now = clock.currentTimeMillisUnsafe()
    if (good !== undefined && isWithin(now - good.fetchedAt, lifetime)) return Effect.succeed(good)
    if (good !== undefined && now - good.fetchedAt < oldest) return renewSoon(good, clock)
    if (isLoaded) return renew
    return Effect.flatMap(load, (loaded) => {
      isLoaded = true
      good ??= loaded
      return current
    })
  })

  return { current, renew, last: () => good, isRenewing: () => underWay !== undefined }
})

/** Whether something is so recent. A clock that was set back makes its age negative, which says nothing. */
export const isWithin = (age: number, limit: number): boolean => age >= 0 && age < limit

/** How long a caller waits for the renewal of what is good, in milliseconds. */
const longestWait = 1000

/** After how long a renewal that failed is tried again, in milliseconds. */
const pause = 30_000

const oldest = Duration.toMillis(Duration.days(1))
