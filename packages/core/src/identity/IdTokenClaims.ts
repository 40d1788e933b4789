/**
 * The claims of an ID Token, under the specifications' own names; claims that are not listed pass through.
 *
 * @see OpenID Connect Core section 2, CIBA Core 1.0 section 10.3.1
 */
import { Schema } from "effect"
import { EpochSeconds } from "../internal/EpochSeconds.ts"

const text = Schema.optionalKey(Schema.String)

const members = Schema.Struct({
  iss: Schema.NonEmptyString,
  sub: Schema.NonEmptyString.check(Schema.isMaxLength(255)),
  aud: Schema.Union([Schema.NonEmptyString, Schema.NonEmptyArray(Schema.String)]),
  /** Seconds since the epoch. */
  exp: EpochSeconds,
  /** Seconds since the epoch. */
  iat: EpochSeconds,
  /** Seconds since the epoch. */
  nbf: Schema.optionalKey(EpochSeconds),
  /** Seconds since the epoch. */
  auth_time: Schema.optionalKey(EpochSeconds),
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
