/**
 * The claims of an ID Token, under the specifications' own names; claims that are not listed pass through. Those that were
 * asked for may be absent or unreadable here: the validation demands them.
 *
 * @see OpenID Connect Core section 2, CIBA Core 1.0 section 10.3.1
 */
import { Schema } from "effect"
import { EpochSeconds, latestSeconds } from "../internal/EpochSeconds.ts"
import { decisive, lenient, name, Texts } from "../internal/ForeignMember.ts"
import * as StandardClaims from "./StandardClaims.ts"

const members = Schema.Struct({
  ...StandardClaims.members,
  iss: Schema.NonEmptyString,
  sub: Schema.NonEmptyString.check(Schema.isMaxLength(255)),
  aud: Schema.Union([Schema.NonEmptyString, Texts.pipe(Schema.decodeTo(Schema.NonEmptyArray(Schema.String)))]),
  /** Seconds since the epoch. */
  exp: EpochSeconds,
  /** Seconds since the epoch. */
  iat: EpochSeconds,
  /** Seconds since the epoch; some issuers write a time before it where they have none. */
  nbf: decisive(Schema.Finite.check(Schema.isLessThanOrEqualTo(latestSeconds))),
  /** Seconds since the epoch. */
  auth_time: lenient(EpochSeconds),
  azp: name(Schema.String),
  nonce: lenient(Schema.String),
  acr: lenient(Schema.String),
  amr: lenient(Texts),
  at_hash: decisive(Schema.String),
  "urn:openid:params:jwt:claim:rt_hash": decisive(Schema.String),
  "urn:openid:params:jwt:claim:auth_req_id": decisive(Schema.String)
})

/**
 * The claims of an ID Token: those that it is validated by, and the standard claims of OpenID Connect Core 5.1, of which one that cannot be read counts
 * as absent. Claims that are not listed pass through.
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
export const IdTokenClaims: Schema.Codec<IdTokenClaims, unknown> = Schema.StructWithRest(members, [
  Schema.Record(Schema.String, Schema.Unknown)
])
