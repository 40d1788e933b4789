/**
 * Real asynchronous work (signatures, hashes) that the `TestClock` waits for.
 *
 * `TestClock.adjust` goes on to the next instant as soon as nothing is scheduled any more, and a promise is not
 * scheduled: the clock would run away under a signature, and time-outs would fire. So the fiber stays scheduled until
 * the work is done.
 */
import { Effect, Fiber } from "effect"

/** Runs the work in a fiber of its own, and yields until it is done. */
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
