/**
 * A person with a phone: how the provider knows them, and what they do when it rings.
 *
 * **Example** (Jo approves after twelve seconds, Ann refuses, Max never looks)
 *
 * ```ts
 * import { TestProvider, TestUser } from "@effect-ciba/testing"
 *
 * const provider = TestProvider.layer({
 *   user: [
 *     TestUser.approve({ after: "12 seconds" }),
 *     TestUser.deny({ subject: "ann", loginHint: "ann@example.com", userCode: "1234" }),
 *     { ...TestUser.ignore, subject: "max", loginHint: "max@example.com" }
 *   ]
 * })
 * ```
 */
import { Duration } from "effect"

/** What the person does with a request. */
export type Reaction =
  | { readonly _tag: "Approve" | "Deny"; readonly after: Duration.Duration }
  | { readonly _tag: "Ignore" }

/** A person. */
export interface TestUser {
  /** The `sub` of their ID Tokens. */
  readonly subject: string
  /** The `login_hint` that means them. */
  readonly loginHint: string
  /** The `login_hint_token` that means them. */
  readonly loginHintToken?: string | undefined
  /** The `user_code` without which the provider does not ring. */
  readonly userCode?: string | undefined
  readonly reaction: Reaction
}

/** Who the person is, and how long they take. */
export interface Options extends Partial<Omit<TestUser, "reaction">> {
  /** Time from the acknowledgement to the decision; none by default. */
  readonly after?: Duration.Input | undefined
}

/** Jo, who never looks at the phone; `provider.approve` and `provider.deny` decide for them. */
export const ignore: TestUser = { subject: "jo", loginHint: "jo@example.com", reaction: { _tag: "Ignore" } }

/** A person who approves; Jo unless the options say otherwise. */
export const approve = (options?: Options): TestUser => reacting("Approve", options)

/** A person who refuses; Jo unless the options say otherwise. */
export const deny = (options?: Options): TestUser => reacting("Deny", options)

const reacting = (_tag: "Approve" | "Deny", options: Options = {}): TestUser => {
  const { after = Duration.zero, ...person } = options
  return { ...ignore, ...person, reaction: { _tag, after: Duration.fromInputUnsafe(after) } }
}
