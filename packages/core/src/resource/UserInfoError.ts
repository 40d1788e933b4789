/**
 * Why UserInfo is not believed: one reason per check.
 *
 * @see OpenID Connect Core 5.3.2 and 5.3.4
 */
import { Schema } from "effect"
import { Expired, InvalidClaims, WrongIssuer } from "../identity/IdTokenError.ts"
import * as SignatureVerifier from "../provider/SignatureVerifier.ts"

/** UserInfo came unsigned, and a signature was agreed on. */
export class NotSigned extends Schema.TaggedError<NotSigned>()("NotSigned", { expected: Schema.String }) {
  override get message(): string {
    return `it is not signed; the client is registered for ${this.expected}`
  }
}

/** UserInfo came as a JWT, and none was agreed on. */
export class UnexpectedJwt extends Schema.TaggedError<UnexpectedJwt>()("UnexpectedJwt", {}) {
  override get message(): string {
    return "it is a JWT, and the client expects JSON; set userInfoSignedResponseAlg as it is registered"
  }
}

/** `aud` does not name the client. */
export class WrongAudience extends Schema.TaggedError<WrongAudience>()("WrongAudience", {
  expected: Schema.String,
  actual: Schema.String
}) {
  override get message(): string {
    return `it is for "${this.actual}", and not for "${this.expected}"`
  }
}

/** `sub` is not that of the ID Token: claims of another person. */
export class WrongSubject extends Schema.TaggedError<WrongSubject>()("WrongSubject", {}) {
  override get message(): string {
    return "it is about another person than the ID Token"
  }
}

/** UserInfo that is not believed. */
export class UserInfoError extends Schema.TaggedError<UserInfoError>()("UserInfoError", {
  reason: Schema.Union([
    NotSigned,
    UnexpectedJwt,
    ...SignatureVerifier.errors,
    InvalidClaims,
    WrongIssuer,
    WrongAudience,
    Expired,
    WrongSubject
  ])
}) {
  override get message(): string {
    return `UserInfo: ${this.reason.message}`
  }
}
