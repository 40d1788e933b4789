/**
 * JSON Web Keys (RFC 7517), as far as choosing and publishing them needs.
 */
import { Schema } from "effect"

const members = Schema.Struct({
  kty: Schema.NonEmptyString,
  kid: Schema.optionalKey(Schema.String),
  alg: Schema.optionalKey(Schema.String),
  use: Schema.optionalKey(Schema.String)
})

/** A key; members that are not listed here pass through unread. */
export type JsonWebKey = typeof members.Type & { readonly [member: string]: unknown }

/** Schema of a key. */
export const JsonWebKey: Schema.Codec<JsonWebKey> = Schema.StructWithRest(members, [
  Schema.Record(Schema.String, Schema.Unknown)
])

/** The key without its private and symmetric members. */
export const publicPart = (key: JsonWebKey): JsonWebKey => {
  const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, oth: _oth, k: _k, priv: _priv, key_ops: _ops, ...rest } = key
  return rest
}
