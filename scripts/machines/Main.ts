// The program that starts all others: it leaves none of them behind, also if it is interrupted.
import { Effect, Fiber } from "effect"

/** Ends the process, with an error if the program does not hold. */
export const run = (program: Effect.Effect<boolean, unknown>): void => {
  const fiber = Effect.runFork(program)
  const interrupt = () => void Effect.runPromise(Fiber.interrupt(fiber)).finally(() => process.exit(1))
  process.once("SIGINT", interrupt)
  process.once("SIGTERM", interrupt)
  void Effect.runPromise(Fiber.join(fiber)).then(
    (holds) => process.exit(holds ? 0 : 1),
    (error) => {
      console.error(error)
      process.exit(1)
    }
  )
}
