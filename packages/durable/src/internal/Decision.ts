/** How a wait ended. Sealed is who approved, with their tokens, or why there are none. */
import type * as Sealing from "@effect-ciba/core/Sealing"
import type { Wait } from "@effect-ciba/core/unstable/wait"
import * as VerifiedIdentity from "@effect-ciba/core/VerifiedIdentity"
import { Effect } from "effect"
import * as Failure from "./Failure.ts"
import type * as WaitTable from "./WaitTable.ts"

/**
 * How a wait ended.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Decision {
  readonly outcome: Wait.Outcome
  /** Who approved, and their tokens: of `Verified`. It is sealed. */
  readonly identity?: VerifiedIdentity.VerifiedIdentity | undefined
  /** Why there are no tokens. It is sealed. */
  readonly failure?: Failure.Failure | undefined
}

export const seal = Effect.fnUntraced(function* (
  { failure, identity, outcome }: Decision,
  keys: Sealing.Keys,
  context: Sealing.Context
): Effect.fn.Return<WaitTable.Decided> {
  if (identity !== undefined) {
    const result = yield* VerifiedIdentity.seal(identity, keys, context)
    return { outcome, result, subject: identity.subject, acr: identity.claims.acr }
  }
  return { outcome, result: failure && (yield* Failure.sealed.seal(failure, keys, context)) }
})

/** Fails if none of the keys has sealed it. */
export const open = (
  { outcome, result }: WaitTable.Sealed,
  keys: Sealing.Keys,
  context: Sealing.Context
): Effect.Effect<Decision, Effect.Error<ReturnType<typeof Sealing.open>>> => {
  if (result === null) return Effect.succeed({ outcome })
  return outcome === "Verified"
    ? Effect.map(VerifiedIdentity.open(result, keys, context), (identity) => ({ outcome, identity }))
    : Effect.map(Failure.sealed.open(result, keys, context), (failure) => ({ outcome, failure }))
}
