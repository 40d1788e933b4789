/** Sealing of values of one kind, as JSON text: none is opened as a value of another kind. */
import { Effect, Redacted, Schema } from "effect"
import { DecryptionFailed } from "./DecryptionFailed.ts"
import * as Sealing from "./Sealing.ts"

export interface SealedJson<A> {
  readonly seal: (value: A, keys: Sealing.Keys, context: Sealing.Context) => Effect.Effect<string>
  /** Fails if none of the keys has sealed it in this context, and for a text that is no value of the schema. */
  readonly open: (sealed: string, keys: Sealing.Keys, context: Sealing.Context) => Effect.Effect<A, DecryptionFailed>
}

export interface Options<A> {
  /** What no other sealed text is. */
  readonly kind: string
  /** The kind, in a sentence. */
  readonly noun: string
  readonly schema: Schema.Codec<A, string>
}

export const make = <A>({ kind, noun, schema }: Options<A>): SealedJson<A> => {
  const encode = Schema.encodeEffect(schema)
  const decode = Schema.decodeEffect(schema)
  const problem = `it contains no ${noun} of a version that this release can read`
  return {
    seal: (value, keys, context) =>
      Effect.flatMap(Effect.orDie(encode(value)), (text) =>
        Sealing.seal(Redacted.make(text), keys, [kind, ...context])
      ),
    open: (sealed, keys, context) =>
      Effect.flatMap(Sealing.open(sealed, keys, [kind, ...context]), (text) =>
        Effect.mapError(decode(Redacted.value(text)), () => new DecryptionFailed({ problem }))
      )
  }
}
