/**
 * Why a UserInfo response is not accepted: one reason for each check.
 *
 * @see OpenID Connect Core 5.3.2 and 5.3.4
 */
import { Schema } from "effect"
import { Expired, InvalidClaims, WrongIssuer } from "../identity/IdTokenError.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"
import * as SignatureVerifier from "../provider/SignatureVerifier.ts"

const define = ErrorClass.fromTable({
  NotSigned: ["the response is not signed, and the client is registered for signed ones", "fixKeys"],
  UnexpectedJwt: [
    "the response is a JWT, and the client expects JSON; set userInfoSignedResponseAlg as it is registered",
    "fixClient"
  ],
  WrongAudience: ["the response is not for this client", "distrust"],
  WrongSubject: ["the response is about another end-user than the ID Token", "distrust"]
})

/** UserInfo came unsigned, and the client is registered for signed responses. */
export class NotSigned extends define<NotSigned>()("NotSigned", { expected: Schema.String }) {}

/** UserInfo came as a JWT, and the client is not registered for one. */
export class UnexpectedJwt extends define<UnexpectedJwt>()("UnexpectedJwt", {}) {}

/** `aud` does not name the client. */
export class WrongAudience extends define<WrongAudience>()("WrongAudience", {
  expected: Schema.String,
  actual: Schema.String
}) {}

/** `sub` is not that of the ID Token: the claims are those of another end-user. */
export class WrongSubject extends define<WrongSubject>()("WrongSubject", {}) {}

/**
 * A UserInfo response is not accepted.
 *
 * @since 0.1.0
 * @stability stable
 */
export class UserInfoError extends ErrorClass.make<UserInfoError>()(
  "UserInfoError",
  {
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
  },
  ["the UserInfo response is not accepted", "distrust"]
) {}
