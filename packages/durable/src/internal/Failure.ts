/** Why a wait ended without tokens, as its row has it: sealed, since a provider's text may name the end-user. */
import { type CibaError, canAskAgain, needsOperator } from "@effect-ciba/core/CibaError"
import { SealedJson } from "@effect-ciba/core/unstable/wait"
import { Schema } from "effect"

const Failure = Schema.Struct({
  /** The `_tag` of the error's reason. */
  reason: Schema.String,
  message: Schema.String,
  canAskAgain: Schema.Boolean,
  needsOperator: Schema.Boolean
})

/**
 * Why a wait ended without tokens.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Failure = typeof Failure.Type

export const of = (error: CibaError): Failure => ({
  reason: error.reason._tag,
  message: error.message,
  canAskAgain: canAskAgain(error),
  needsOperator: needsOperator(error)
})

/** Sealed for the row of its wait. */
export const sealed: SealedJson.SealedJson<Failure> = SealedJson.make({
  kind: "Failure",
  noun: "failure",
  schema: Schema.fromJsonString(Failure)
})
