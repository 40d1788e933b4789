/**
 * The claims of an ID Token, under the specifications' own names; claims that are not listed pass through.
 *
 * @see OpenID Connect Core section 2, CIBA Core 1.0 section 10.3.1
 */
import { Schema } from "effect"

const text = Schema.optionalKey(Schema.String)
const seconds = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 8_640_000_000_000 }))

const members = Schema.Struct({
  iss: Schema.NonEmptyString,
  sub: Schema.NonEmptyString.check(Schema.isMaxLength(255)),
  aud: Schema.Union([Schema.NonEmptyString, Schema.NonEmptyArray(Schema.String)]),
  /** Seconds since the epoch. */
  exp: seconds,
  /** Seconds since the epoch. */
  iat: seconds,
  /** Seconds since the epoch. */
  nbf: Schema.optionalKey(seconds),
  /** Seconds since the epoch. */
  auth_time: Schema.optionalKey(seconds),
  azp: text,
  nonce: text,
  acr: text,
  amr: Schema.optionalKey(Schema.Array(Schema.String)),
  at_hash: text,
  "urn:openid:params:jwt:claim:rt_hash": text,
  "urn:openid:params:jwt:claim:auth_req_id": text
})

/**
 * The claims of an ID Token.
 *
 * @since 0.1.0
 * @stability stable
 */
export type IdTokenClaims = typeof members.Type & { readonly [claim: string]: unknown }

/**
 * Schema of an ID Token's claims.
 *
 * @since 0.1.0
 * @stability stable
 */
export const IdTokenClaims: Schema.Decoder<IdTokenClaims> = Schema.StructWithRest(members, [
  Schema.Record(Schema.String, Schema.Unknown)
])
