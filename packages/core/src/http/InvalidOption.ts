import { Effect, Schema } from "effect"
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

/** The limit, if it is a whole number of bytes above zero. */
export const ensureByteLimit = (option: string, limit: number): Effect.Effect<number, InvalidOption> =>
  Number.isSafeInteger(limit) && limit > 0
    ? Effect.succeed(limit)
    : Effect.fail(new InvalidOption({ option, problem: "it has to be a whole number of bytes above zero" }))
