import { Duration, Effect, Option, Schema } from "effect"
import * as ErrorClass from "../internal/ErrorClass.ts"

/**
 * An option of a layer has a value that cannot be used; `problem` says which values can.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class InvalidOption extends ErrorClass.make<InvalidOption>()(
  "InvalidOption",
  { option: Schema.String, problem: Schema.String },
  ["an option of the client cannot be used", "fixClient"],
  { message: ({ option, problem }) => `${option}: ${problem}` }
) {}

/** The duration, if it is finite and above zero. */
export const ensureDuration = (
  option: string,
  input: Duration.Input
): Effect.Effect<Duration.Duration, InvalidOption> => {
  const duration = Option.getOrElse(Duration.fromInput(input), () => Duration.zero)
  return Duration.isFinite(duration) && Duration.isPositive(duration)
    ? Effect.succeed(duration)
    : Effect.fail(new InvalidOption({ option, problem: "it has to be a finite duration above zero" }))
}

/** The limit, if it is a whole number of bytes above zero. */
export const ensureByteLimit = (option: string, limit: number): Effect.Effect<number, InvalidOption> =>
  Number.isSafeInteger(limit) && limit > 0
    ? Effect.succeed(limit)
    : Effect.fail(new InvalidOption({ option, problem: "it has to be a whole number of bytes above zero" }))
