/**
 * Why a request for authentication was not sent, or was not taken. None of these is tried again by the library, the wish
 * for a DPoP nonce apart: a second request would ring the person's phone a second time.
 *
 * @see CIBA Core 1.0 section 13
 */
import { Schema } from "effect"
import * as OAuthError from "../http/OAuthError.ts"
import { TransportError } from "../http/TransportError.ts"
import { toSingleLine } from "../internal/DisplayText.ts"
import { ProfileViolation } from "../profile/Rule.ts"

/** A parameter that cannot be sent as it is. Nothing was sent. */
export class InvalidParameter extends Schema.TaggedError<InvalidParameter>()("InvalidParameter", {
  parameter: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.parameter}: ${this.problem}`
  }
}

/** Something that the provider, or the registration, does not have. Nothing was sent. */
export class Unsupported extends Schema.TaggedError<Unsupported>()("Unsupported", {
  feature: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.feature}: ${this.problem}`
  }
}

/** The provider took the request, and its acknowledgement cannot be used. */
export class InvalidAcknowledgement extends Schema.TaggedError<InvalidAcknowledgement>()("InvalidAcknowledgement", {
  issues: Schema.String
}) {
  override get message(): string {
    return `the acknowledgement is not valid: ${toSingleLine(this.issues)}`
  }
}

/** The `login_hint_token` has expired: get a new one. */
export class ExpiredLoginHintToken extends Schema.TaggedError<ExpiredLoginHintToken>()(
  "ExpiredLoginHintToken",
  OAuthError.fields
) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the login hint token has expired")
  }
}

/** The provider does not know whom the hint names. */
export class UnknownUserId extends Schema.TaggedError<UnknownUserId>()("UnknownUserId", OAuthError.fields) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the provider does not know the person that the hint names")
  }
}

/** The provider wants a user code: ask the person for it, and send a new request. */
export class MissingUserCode extends Schema.TaggedError<MissingUserCode>()("MissingUserCode", OAuthError.fields) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the provider wants the person's user code")
  }
}

/** The user code is wrong: ask the person again. */
export class InvalidUserCode extends Schema.TaggedError<InvalidUserCode>()("InvalidUserCode", OAuthError.fields) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the user code is wrong")
  }
}

/** The provider does not take this binding message. */
export class InvalidBindingMessage extends Schema.TaggedError<InvalidBindingMessage>()(
  "InvalidBindingMessage",
  OAuthError.fields
) {
  override get message(): string {
    return OAuthError.formatMessage(
      this,
      "the provider does not take this binding message; BindingMessage.generate makes a safe one"
    )
  }
}

/** A request for authentication that led to no pending authentication. */
export class AuthenticationRequestError extends Schema.TaggedError<AuthenticationRequestError>()(
  "AuthenticationRequestError",
  {
    reason: Schema.Union([
      InvalidParameter,
      ProfileViolation,
      Unsupported,
      TransportError,
      InvalidAcknowledgement,
      OAuthError.InvalidRequest,
      OAuthError.InvalidScope,
      ExpiredLoginHintToken,
      UnknownUserId,
      OAuthError.UnauthorizedClient,
      MissingUserCode,
      InvalidUserCode,
      InvalidBindingMessage,
      OAuthError.InvalidClient,
      OAuthError.AccessDenied,
      OAuthError.InvalidAuthorizationDetails,
      OAuthError.InvalidTarget,
      OAuthError.InvalidGrantId,
      OAuthError.UseDpopNonce,
      OAuthError.InvalidDpopProof,
      OAuthError.Unrecognized
    ])
  }
) {
  override get message(): string {
    return `Authentication request: ${this.reason.message}`
  }
}

/** The failure that an error answer of the backchannel authentication endpoint stands for. */
export const fromOAuthError = (error: OAuthError.OAuthError): AuthenticationRequestError => {
  const Reason = reasons.get(error.code) ?? OAuthError.Unrecognized
  return new AuthenticationRequestError({ reason: new Reason(error) })
}

const reasons = new Map<string, new (error: OAuthError.OAuthError) => AuthenticationRequestError["reason"]>([
  ["invalid_request", OAuthError.InvalidRequest],
  ["invalid_scope", OAuthError.InvalidScope],
  ["expired_login_hint_token", ExpiredLoginHintToken],
  ["unknown_user_id", UnknownUserId],
  ["unauthorized_client", OAuthError.UnauthorizedClient],
  ["missing_user_code", MissingUserCode],
  ["invalid_user_code", InvalidUserCode],
  ["invalid_binding_message", InvalidBindingMessage],
  ["invalid_client", OAuthError.InvalidClient],
  ["access_denied", OAuthError.AccessDenied],
  ["invalid_authorization_details", OAuthError.InvalidAuthorizationDetails],
  ["invalid_target", OAuthError.InvalidTarget],
  ["invalid_grant_id", OAuthError.InvalidGrantId],
  ["use_dpop_nonce", OAuthError.UseDpopNonce],
  ["invalid_dpop_proof", OAuthError.InvalidDpopProof]
])
