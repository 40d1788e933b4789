/** Texts that are secret: redacted once when they are decoded, and never encoded. `Schema.Redacted` would redact them again. */
import { Redacted, Schema, SchemaGetter } from "effect"

/** A redacted text. */
export const SecretText: Schema.declare<Redacted.Redacted<string>> = Schema.declare(
  (value): value is Redacted.Redacted<string> => Redacted.isRedacted(value)
)

/** A text that is redacted with this label. */
export const make = (
  label: string,
  text: Schema.Codec<string> = Schema.NonEmptyString
): Schema.Codec<Redacted.Redacted<string>, string> =>
  text.pipe(
    Schema.decodeTo(SecretText, {
      decode: SchemaGetter.transform((value) => Redacted.make(value, { label })),
      encode: forbid(label)
    })
  )

/** The encoding of a secret, which fails. */
export const forbid = (label: string): SchemaGetter.Getter<never, unknown> =>
  SchemaGetter.forbidden(() => `${label} is a secret`)
