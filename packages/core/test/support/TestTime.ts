// Virtual time for programs that sign, encrypt or store: the clock stands still until that asynchronous work is done.
import { type Duration, Effect, type Fiber } from "effect"
import { TestClock } from "effect/testing"

/** Waits until the signatures and digests that were begun before are done: WebCrypto takes them in order. */
export const awaitCrypto = Effect.promise(() =>
  Promise.all(Array.from({ length: 8 }, () => crypto.subtle.digest("SHA-256", new Uint8Array(1))))
)

/** Moves the clock, once all fibers that wait for it are asleep. */
export const advance = (duration: Duration.Input) =>
  Effect.andThen(Effect.repeat(Effect.yieldNow, { times: 100 }), TestClock.adjust(duration))

/** Moves the clock by this step until a fiber has ended. */
export const advanceUntilDone = <A, E>(fiber: Fiber.Fiber<A, E>, step: Duration.Input): Effect.Effect<void> =>
  Effect.suspend(() =>
    fiber.pollUnsafe() === undefined ? Effect.andThen(advance(step), advanceUntilDone(fiber, step)) : Effect.void
  )

/** Waits without the clock until a value satisfies a predicate. */
export const waitUntil = <A, E, R>(
  current: Effect.Effect<A, E, R>,
  wanted: (value: A) => boolean
): Effect.Effect<A, E, R> =>
  Effect.flatMap(current, (value) =>
    wanted(value) ? Effect.succeed(value) : Effect.andThen(Effect.yieldNow, waitUntil(current, wanted))
  )
