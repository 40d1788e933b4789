/**
 * Why an ID Token is not believed: one reason per check. A token that fails one of them gives nothing away.
 *
 * @see OpenID Connect Core 3.1.3.7, CIBA Core 1.0 section 10.3.1
 */
import { Schema } from "effect"
import { NotEncrypted } from "../crypto/DecryptionFailed.ts"
import { toSingleLine } from "../internal/DisplayText.ts"
import { ProfileViolation } from "../profile/Rule.ts"
import * as SignatureVerifier from "../provider/SignatureVerifier.ts"

const mismatch = { expected: Schema.String, actual: Schema.String }

/** A claim that every ID Token has is missing, or has the wrong type. */
export class InvalidClaims extends Schema.TaggedError<InvalidClaims>()("InvalidClaims", { issues: Schema.String }) {
  override get message(): string {
    return `its claims are not valid: ${toSingleLine(this.issues)}`
  }
}

/** `iss` is not the issuer. */
export class WrongIssuer extends Schema.TaggedError<WrongIssuer>()("WrongIssuer", mismatch) {
  override get message(): string {
    return `it was issued by "${this.actual}", and not by ${this.expected}`
  }
}

/** `aud` lacks the client, or names others, too. */
export class WrongAudience extends Schema.TaggedError<WrongAudience>()("WrongAudience", mismatch) {
  override get message(): string {
    return `it is for "${this.actual}", and not for "${this.expected}" alone`
  }
}

/** `azp` is another client. */
export class WrongAuthorizedParty extends Schema.TaggedError<WrongAuthorizedParty>()("WrongAuthorizedParty", mismatch) {
  override get message(): string {
    return `its authorized party is "${this.actual}", and not "${this.expected}"`
  }
}

/** `exp` has passed. */
export class Expired extends Schema.TaggedError<Expired>()("Expired", { at: Schema.DateTimeUtc }) {
  override get message(): string {
    return `it expired at ${this.at.toJSON()}`
  }
}

/** `iat` or `nbf` lies further ahead than clocks may differ. */
export class NotYetValid extends Schema.TaggedError<NotYetValid>()("NotYetValid", {
  claim: Schema.Literals(["iat", "nbf"]),
  at: Schema.DateTimeUtc
}) {
  override get message(): string {
    return `its ${this.claim} lies ahead, at ${this.at.toJSON()}; is the clock right?`
  }
}

/** `iat` is too long ago for an answer to this request. */
export class IssuedTooLongAgo extends Schema.TaggedError<IssuedTooLongAgo>()("IssuedTooLongAgo", {
  at: Schema.DateTimeUtc
}) {
  override get message(): string {
    return `it was issued too long ago, at ${this.at.toJSON()}`
  }
}

/** `nonce` is not the one that was sent. */
export class WrongNonce extends Schema.TaggedError<WrongNonce>()("WrongNonce", {}) {
  override get message(): string {
    return "its nonce is not the one that was sent"
  }
}

/** A half hash or the request id in the token does not belong to what came with it. */
export class WrongBinding extends Schema.TaggedError<WrongBinding>()("WrongBinding", {
  claim: Schema.Literals(["at_hash", "rt_hash", "auth_req_id"])
}) {
  override get message(): string {
    return `its ${this.claim} does not belong to what came with it`
  }
}

/** `acr` is none of the classes that were demanded. */
export class UnsatisfiedAcr extends Schema.TaggedError<UnsatisfiedAcr>()("UnsatisfiedAcr", {
  expected: Schema.Array(Schema.String),
  actual: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `the authentication was ${this.actual ?? "of no named class"}, and not ${this.expected.join(" or ")}`
  }
}

/** The person authenticated longer ago than was allowed, or the token does not say when. */
export class StaleAuthentication extends Schema.TaggedError<StaleAuthentication>()("StaleAuthentication", {
  at: Schema.optionalKey(Schema.DateTimeUtc)
}) {
  override get message(): string {
    return this.at === undefined
      ? "it does not say when the person authenticated, as max_age and the registration can demand"
      : `the person authenticated too long ago, at ${this.at.toJSON()}`
  }
}

/** The token is about another person than the one that was asked. */
export class WrongSubject extends Schema.TaggedError<WrongSubject>()("WrongSubject", {}) {
  override get message(): string {
    return "it is about another person than the one that was asked"
  }
}

/** A claim does not go with the ID Token that this one renews (OpenID Connect Core 12.2). */
export class RefreshedClaimMismatch extends Schema.TaggedError<RefreshedClaimMismatch>()("RefreshedClaimMismatch", {
  claim: Schema.Literals(["iss", "iat", "auth_time", "nonce"])
}) {
  override get message(): string {
    return `its ${this.claim} does not go with the ID Token that it renews`
  }
}

/** The access token is of a kind that this client cannot use safely. */
export class UnexpectedTokenType extends Schema.TaggedError<UnexpectedTokenType>()("UnexpectedTokenType", mismatch) {
  override get message(): string {
    return `the access token is of type "${this.actual}", and not ${this.expected}`
  }
}

/** An ID Token, or what came with it, that is not believed. */
export class IdTokenError extends Schema.TaggedError<IdTokenError>()("IdTokenError", {
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
    WrongNonce,
    WrongBinding,
    UnsatisfiedAcr,
    StaleAuthentication,
    WrongSubject,
    RefreshedClaimMismatch,
    UnexpectedTokenType,
    ProfileViolation
  ])
}) {
  override get message(): string {
    return `ID Token: ${this.reason.message}`
  }
}
