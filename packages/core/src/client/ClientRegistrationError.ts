import { Effect, Schema } from "effect"
import * as ErrorClass from "../internal/ErrorClass.ts"

/**
 * The options of a client contradict each other or cannot be used; `problem` says what to change.
 *
 * @since 0.1.0
 * @stability stable
 */
export class ClientRegistrationError extends ErrorClass.make<ClientRegistrationError>()(
  "ClientRegistrationError",
  { parameter: Schema.String, problem: Schema.String },
  ["the client registration contradicts itself", "fixClient"],
  { message: ({ parameter, problem }) => `${parameter}: ${problem}` }
) {}

/** Fails with the first problem, in the order of the parameters; `false` and `undefined` are none. */
export const ensureValid = (
  problems: Readonly<Record<string, string | false | undefined>>
): Effect.Effect<void, ClientRegistrationError> => {
  for (const [parameter, problem] of Object.entries(problems)) {
    if (typeof problem === "string") return Effect.fail(new ClientRegistrationError({ parameter, problem }))
  }
  return Effect.void
}
