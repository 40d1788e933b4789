import { Effect, Schema } from "effect"

/** The options of a client contradict each other or cannot be used; `problem` says what to change. */
export class ClientRegistrationError extends Schema.TaggedError<ClientRegistrationError>()("ClientRegistrationError", {
  parameter: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `Client registration, ${this.parameter}: ${this.problem}`
  }
}

/** Fails with the first problem of a list. */
export const ensureValid = (
  problems: ReadonlyArray<readonly [parameter: string, problem: string | undefined]>
): Effect.Effect<void, ClientRegistrationError> => {
  for (const [parameter, problem] of problems) {
    if (problem !== undefined) return Effect.fail(new ClientRegistrationError({ parameter, problem }))
  }
  return Effect.void
}
