/** Why a wait ended without tokens, as its row has it: sealed, since a provider's text may name the end-user. */
import { type CibaError, canAskAgain, needsOperator } from "@effect-ciba/core/CibaError"
import * as Sealing from "@effect-ciba/core/Sealing"
import { Effect, Redacted, Schema } from "effect"

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

const kind = "Failure"

const text = Schema.fromJsonString(Failure)

const encode = Schema.encodeEffect(text)

const decode = Schema.decodeEffect(text)

export const seal = (failure: Failure, keys: Sealing.Keys, context: Sealing.Context): Effect.Effect<string> =>
  Effect.flatMap(Effect.orDie(encode(failure)), (json) => Sealing.seal(Redacted.make(json), keys, [kind, ...context]))

/** Fails if none of the keys has sealed it in this context. */
export const open = (
  sealed: string,
  keys: Sealing.Keys,
  context: Sealing.Context
): Effect.Effect<Failure, Effect.Error<ReturnType<typeof Sealing.open>>> =>
  Effect.flatMap(Sealing.open(sealed, keys, [kind, ...context]), (json) => Effect.orDie(decode(Redacted.value(json))))
