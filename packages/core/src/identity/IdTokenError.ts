/**
 * Why an ID Token is not accepted: one reason for each check. A token that fails one is not handed out.
 *
 * **Example** (An ID Token of another issuer)
 *
 * ```ts
 * import { IdTokenError } from "@effect-ciba/core"
 *
 * const reason = new IdTokenError.WrongIssuer({ expected: "https://op.example.com", actual: "https://op.test" })
 *
 * const error = new IdTokenError.IdTokenError({ reason })
 *
 * error.message.startsWith("WrongIssuer: another issuer issued the token") // => true
 * error.advice // => "Do not trust the response: it is for another client, request or end-user."
 * ```
 *
 * @see OpenID Connect Core 3.1.3.7, CIBA Core 1.0 section 10.3.1
 */
import { Option, Redacted, Schema, SchemaGetter } from "effect"
import { NotEncrypted } from "../crypto/DecryptionFailed.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"
import { ProfileViolation } from "../profile/Rule.ts"
import * as SignatureVerifier from "../provider/SignatureVerifier.ts"
import type { VerifiedIdentity } from "./VerifiedIdentity.ts"

const define = ErrorClass.fromTable({
  InvalidClaims: ["the claims are not valid", "reportToProvider"],
  WrongIssuer: ["another issuer issued the token", "distrust"],
  WrongAudience: ["the token is not for this client, or not for it alone", "distrust"],
  WrongAuthorizedParty: ["the token was issued to another authorized party", "distrust"],
  Expired: ["the token has expired", "fixClock"],
  NotYetValid: ["the token is from the future; is the clock right?", "fixClock"],
  IssuedTooLongAgo: ["the token was issued too long ago", "distrust"],
  IssuedBeforeRequest: [
    "the token is older than the authentication request: a clock is wrong, or the token is not new",
    "fixClock"
  ],
  WrongNonce: ["the nonce is not the one that was sent", "distrust"],
  WrongBinding: ["a hash or the auth_req_id in the token does not match what came with it", "distrust"],
  UnsatisfiedAcr: ["the end-user authenticated in another way than the request demands", "askAgain"],
  StaleAuthentication: ["the end-user authenticated too long ago, or the token does not say when", "askAgain"],
  WrongSubject: ["the token is about another end-user than the one that was asked", "distrust"],
  RefreshedClaimMismatch: ["a claim does not match the ID Token that was refreshed", "distrust"],
  UnexpectedAuthorizationDetails: ["other authorization_details were granted than were requested", "settleGrant"],
  UnexpectedTokenType: ["the access token is of a type that this client does not expect", "fixKeys"]
})

const mismatch = { expected: Schema.String, actual: Schema.String }

/**
 * A required claim is missing, or has the wrong type.
 *
 * @since 0.1.0
 * @stability stable
 */
export class InvalidClaims extends define<InvalidClaims>()("InvalidClaims", { issues: Schema.String }) {}

/**
 * `iss` is not the issuer.
 *
 * @since 0.1.0
 * @stability stable
 */
export class WrongIssuer extends define<WrongIssuer>()("WrongIssuer", mismatch) {}

/**
 * `aud` lacks the client, or names others, too.
 *
 * @since 0.1.0
 * @stability stable
 */
export class WrongAudience extends define<WrongAudience>()("WrongAudience", mismatch) {}

/**
 * `azp` is another client.
 *
 * @since 0.1.0
 * @stability stable
 */
export class WrongAuthorizedParty extends define<WrongAuthorizedParty>()("WrongAuthorizedParty", mismatch) {}

/**
 * `exp` has passed.
 *
 * @since 0.1.0
 * @stability stable
 */
export class Expired extends define<Expired>()("Expired", { at: Schema.DateTimeUtc }) {}

/**
 * `iat` or `nbf` is later than clocks may differ.
 *
 * @since 0.1.0
 * @stability stable
 */
export class NotYetValid extends define<NotYetValid>()("NotYetValid", {
  claim: Schema.Literals(["iat", "nbf"]),
  at: Schema.DateTimeUtc
}) {}

/**
 * `iat` is too early for a response to this request.
 *
 * @since 0.1.0
 * @stability stable
 */
export class IssuedTooLongAgo extends define<IssuedTooLongAgo>()("IssuedTooLongAgo", { at: Schema.DateTimeUtc }) {}

/**
 * `iat` is earlier than the authentication request was sent, by more than clocks may differ.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class IssuedBeforeRequest extends define<IssuedBeforeRequest>()("IssuedBeforeRequest", {
  at: Schema.DateTimeUtc,
  requestedAt: Schema.DateTimeUtc
}) {}

/**
 * `nonce` is not the one that was sent.
 *
 * @since 0.1.0
 * @stability stable
 */
export class WrongNonce extends define<WrongNonce>()("WrongNonce", {}) {}

/**
 * A half hash or the `auth_req_id` in the token does not belong to what came with it.
 *
 * @since 0.1.0
 * @stability stable
 */
export class WrongBinding extends define<WrongBinding>()("WrongBinding", {
  claim: Schema.Literals(["at_hash", "rt_hash", "auth_req_id"])
}) {}

/**
 * `acr` is none of the requested classes.
 *
 * @since 0.1.0
 * @stability stable
 */
export class UnsatisfiedAcr extends define<UnsatisfiedAcr>()("UnsatisfiedAcr", {
  expected: Schema.Array(Schema.String),
  actual: Schema.optionalKey(Schema.String)
}) {}

/**
 * `auth_time` is earlier than `max_age` permits, or is missing, though `max_age` or the registration demands it.
 *
 * @since 0.1.0
 * @stability stable
 */
export class StaleAuthentication extends define<StaleAuthentication>()("StaleAuthentication", {
  at: Schema.optionalKey(Schema.DateTimeUtc)
}) {}

/**
 * `sub` is not the subject of the `id_token_hint`, or of the ID Token that was refreshed.
 *
 * @since 0.1.0
 * @stability stable
 */
export class WrongSubject extends define<WrongSubject>()("WrongSubject", {}) {}

/**
 * A claim does not match the ID Token that this one renews (OpenID Connect Core 12.2).
 *
 * @since 0.1.0
 * @stability stable
 */
export class RefreshedClaimMismatch extends define<RefreshedClaimMismatch>()("RefreshedClaimMismatch", {
  claim: Schema.Literals(["iss", "iat", "auth_time", "nonce"])
}) {}

/** It does not leave the process: an encoded error has none. */
const Granted = Schema.optionalKey(Schema.Unknown).pipe(
  Schema.decodeTo(
    Schema.optionalKey(
      Schema.declare((value): value is Redacted.Redacted<VerifiedIdentity> => Redacted.isRedacted(value))
    ),
    {
      decode: SchemaGetter.transformOptional<Redacted.Redacted<VerifiedIdentity>, unknown>(Option.none),
      encode: SchemaGetter.transformOptional<unknown, Redacted.Redacted<VerifiedIdentity>>(Option.none)
    }
  )
)

/**
 * The granted `authorization_details` are not those of the request, which were essential. Everything else about the response
 * is verified.
 *
 * @since 0.1.0
 * @stability stable
 */
export class UnexpectedAuthorizationDetails extends define<UnexpectedAuthorizationDetails>()(
  "UnexpectedAuthorizationDetails",
  {
    /** What differs: types of details and names of their members, and no values. */
    problem: Schema.String,
    /** What was granted, with its tokens. Absent in an error that was encoded, which holds no tokens. */
    identity: Granted
  },
  { message: ({ problem }) => `other authorization_details were granted than were requested: ${problem}` }
) {}

/**
 * The access token is of a type that this client cannot use safely.
 *
 * @since 0.1.0
 * @stability stable
 */
export class UnexpectedTokenType extends define<UnexpectedTokenType>()("UnexpectedTokenType", mismatch) {}

/**
 * An ID Token, or what came with it, is not accepted.
 *
 * @since 0.1.0
 * @stability stable
 */
export class IdTokenError extends ErrorClass.make<IdTokenError>()(
  "IdTokenError",
  {
    reason: Schema.Union([
      NotEncrypted,
      ...SignatureVerifier.errors,
      InvalidClaims,
      WrongIssuer,
      WrongAudience,
      WrongAuthorizedParty,
      Expired,
      NotYetValid,
      IssuedTooLongAgo,
      IssuedBeforeRequest,
      WrongNonce,
      WrongBinding,
      UnsatisfiedAcr,
      StaleAuthentication,
      WrongSubject,
      RefreshedClaimMismatch,
      UnexpectedAuthorizationDetails,
      UnexpectedTokenType,
      ProfileViolation
    ])
  },
  ["the ID Token, or what came with it, is not accepted", "distrust"]
) {}
