/**
 * Signatures and hashes are real asynchronous work, and `TestClock.adjust` does not wait for promises: it would go on to
 * the next instant, and time-outs would fire. A fiber that yields keeps the clock where it is.
 */
import { Effect, Fiber } from "effect"

/** Does the work in a fiber of its own, while the calling fiber yields until it is done. */
export const awaitUnderTestClock = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.forkChild(work), (fiber) =>
    Effect.andThen(
      yieldWhile(() => fiber.pollUnsafe() === undefined),
      Fiber.join(fiber)
    )
  )

/** Yields as long as the condition holds; no time passes on the `Clock`. */
export const yieldWhile = (condition: () => boolean): Effect.Effect<void> =>
  Effect.whileLoop({ while: condition, body: () => Effect.yieldNow, step: () => undefined })
