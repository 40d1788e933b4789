/**
 * Signatures and hashes are real asynchronous work, and Effect's `TestClock` does not wait for promises: it would go on to the
 * next instant, and time-outs would fire. A fiber that yields keeps the clock where it is. (`TestTime` needs none of it.)
 */
import { Effect, Fiber } from "effect"

/** Does the work in a fiber of its own, while the calling fiber yields until it is done. */
export const awaitUnderTestClock = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.forkChild(work), (fiber) =>
    Effect.andThen(
      Effect.whileLoop({
        while: () => fiber.pollUnsafe() === undefined,
        body: () => Effect.yieldNow,
        step: () => undefined
      }),
      Fiber.join(fiber)
    )
  )
