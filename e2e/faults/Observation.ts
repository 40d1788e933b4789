// What one client did about one fault.

export type Outcome =
  | { readonly _tag: "Tokens"; readonly subject: string }
  | { readonly _tag: "Rejected"; readonly error: string }
  /** It had not ended when the trial did. */
  | { readonly _tag: "Unfinished" }

export interface Observation {
  readonly outcome: Outcome
  /** How long the call took. */
  readonly seconds: number
  /** When the token requests came, in whole seconds after the authentication request. */
  readonly polls: ReadonlyArray<number>
  /** How many token requests came after the call had ended. */
  readonly late: number
  /** How many MiB of a body without an end the client has taken. */
  readonly mebibytes: number
  /** Whether another host has received the client secret. */
  readonly leaked: boolean
  /** The statuses with which the client notification endpoint responded. */
  readonly notified: ReadonlyArray<number>
}

const text = (value: unknown, member: string): string | undefined => {
  const found: unknown = Object(value)[member]
  return typeof found === "string" ? found : undefined
}

/** The name of an error and the most specific code that it has. */
export const nameError = (error: unknown): string => {
  const { cause, reason } = Object(error)
  const code = text(error, "error") ?? text(error, "code") ?? text(reason, "_tag") ?? text(cause, "code")
  return [text(error, "_tag") ?? text(error, "name") ?? String(error), text(reason, "kind") ?? code]
    .flatMap((part) => (part === undefined ? [] : [`\`${part}\``]))
    .join(" ")
}
