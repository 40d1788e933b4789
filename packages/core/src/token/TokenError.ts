/**
 * Why there are no tokens: the provider's answers at the token endpoint, and what can befall the wait for them.
 *
 * @see CIBA Core 1.0 section 11, RFC 6749 section 5.2
 */
import { Schema } from "effect"
import { InvalidKey } from "../crypto/InvalidKey.ts"
import * as OAuthError from "../http/OAuthError.ts"
import { TransportError } from "../http/TransportError.ts"
import { toSingleLine } from "../internal/DisplayText.ts"
import { InvalidParameter } from "../request/AuthenticationRequestError.ts"

/** The person has not answered yet. A poll meets it; a whole wait does not end with it. */
export class AuthorizationPending extends Schema.TaggedError<AuthorizationPending>()(
  "AuthorizationPending",
  OAuthError.fields
) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the person has not answered yet")
  }
}

/** The person has not answered yet, and polls come too often: five seconds more from now on. */
export class SlowDown extends Schema.TaggedError<SlowDown>()("SlowDown", OAuthError.fields) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the person has not answered yet, and the provider wants fewer polls")
  }
}

/** The request has expired: a new one is needed. `local` where the client's own clock said so, and nothing was sent. */
export class ExpiredToken extends Schema.TaggedError<ExpiredToken>()("ExpiredToken", { local: Schema.Boolean }) {
  override get message(): string {
    return "the request expired before it was answered; start a new one"
  }
}

/**
 * The `auth_req_id` or the refresh token is unknown to the provider, or not this client's, or was used before; a refresh
 * token may have ended or been revoked, too.
 */
export class InvalidGrant extends Schema.TaggedError<InvalidGrant>()("InvalidGrant", OAuthError.fields) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the provider does not accept the auth_req_id or the refresh token")
  }
}

/** The provider does not offer the grant, of CIBA or of refresh tokens, to this client. */
export class UnsupportedGrantType extends Schema.TaggedError<UnsupportedGrantType>()(
  "UnsupportedGrantType",
  OAuthError.fields
) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the provider does not offer this grant to the client")
  }
}

/** The provider does not revoke or introspect tokens of this kind (RFC 7009 2.2.1). */
export class UnsupportedTokenType extends Schema.TaggedError<UnsupportedTokenType>()(
  "UnsupportedTokenType",
  OAuthError.fields
) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the provider does not do this with tokens of this kind")
  }
}

/** The provider could not bring the transaction to an end. */
export class TransactionFailed extends Schema.TaggedError<TransactionFailed>()("TransactionFailed", OAuthError.fields) {
  override get message(): string {
    return OAuthError.formatMessage(this, "the provider could not complete the transaction")
  }
}

/**
 * A poll was sent, its answer was lost, and now the id is spent or has expired. The person may have approved, and the tokens may have
 * been issued: ask them before you ask again.
 */
export class OutcomeUnknown extends Schema.TaggedError<OutcomeUnknown>()("OutcomeUnknown", {
  lost: TransportError
}) {
  override get message(): string {
    return `an answer was lost (${this.lost.message}) and cannot be had again: the person may have approved`
  }
}

/** The provider said success, and what it sent is no token response. The id is spent. */
export class InvalidTokenResponse extends Schema.TaggedError<InvalidTokenResponse>()("InvalidTokenResponse", {
  issues: Schema.String
}) {
  override get message(): string {
    return `the token response is not valid: ${toSingleLine(this.issues)}`
  }
}

/** The id was redeemed here before. It is good for one redemption (CIBA Core 10.1.1); nothing was sent. */
export class AlreadyRedeemed extends Schema.TaggedError<AlreadyRedeemed>()("AlreadyRedeemed", {}) {
  override get message(): string {
    return "this authentication was redeemed before; an auth_req_id is good for one redemption"
  }
}

/** A push client must not call the token endpoint with the CIBA grant (CIBA Core 11); nothing was sent. */
export class PushDelivery extends Schema.TaggedError<PushDelivery>()("PushDelivery", {}) {
  override get message(): string {
    return "the client is registered for push delivery, and receives its tokens at its notification endpoint"
  }
}

/** The authentication belongs to another issuer or client than the one at hand; nothing was sent. */
export class ClientMismatch extends Schema.TaggedError<ClientMismatch>()("ClientMismatch", {
  issuer: Schema.String,
  clientId: Schema.String
}) {
  override get message(): string {
    return `the authentication belongs to client "${this.clientId}" at ${this.issuer}, which is not the one at hand`
  }
}

/** There is nothing to renew the tokens with; nothing was sent. */
export class NoRefreshToken extends Schema.TaggedError<NoRefreshToken>()("NoRefreshToken", {}) {
  override get message(): string {
    return "the provider has issued no refresh token; many want the scope offline_access for one"
  }
}

/** The caller's own schedule ended the wait. The request is still pending: complete it again. */
export class ScheduleExhausted extends Schema.TaggedError<ScheduleExhausted>()("ScheduleExhausted", {}) {
  override get message(): string {
    return "the schedule ended the wait while the request was still pending; it can be completed again"
  }
}

/** A failure to get tokens, to renew them, or to have the provider revoke or introspect one. */
export class TokenError extends Schema.TaggedError<TokenError>()("TokenError", {
  reason: Schema.Union([
    AuthorizationPending,
    SlowDown,
    ExpiredToken,
    OAuthError.AccessDenied,
    InvalidGrant,
    OAuthError.InvalidRequest,
    OAuthError.InvalidClient,
    OAuthError.UnauthorizedClient,
    OAuthError.InvalidScope,
    OAuthError.InvalidAuthorizationDetails,
    OAuthError.InvalidTarget,
    OAuthError.InvalidGrantId,
    UnsupportedGrantType,
    UnsupportedTokenType,
    TransactionFailed,
    OAuthError.UseDpopNonce,
    OAuthError.InvalidDpopProof,
    OAuthError.Unrecognized,
    TransportError,
    OutcomeUnknown,
    InvalidTokenResponse,
    AlreadyRedeemed,
    PushDelivery,
    ClientMismatch,
    NoRefreshToken,
    ScheduleExhausted,
    InvalidParameter,
    InvalidKey
  ])
}) {
  override get message(): string {
    return `Token: ${this.reason.message}`
  }
}

/** The failure that an error answer of an endpoint for tokens stands for. */
export const fromOAuthError = (error: OAuthError.OAuthError): TokenError => {
  if (error.code === "expired_token") return new TokenError({ reason: new ExpiredToken({ local: false }) })
  const Reason = reasons.get(error.code) ?? OAuthError.Unrecognized
  return new TokenError({ reason: new Reason(error) })
}

/** The failure that a fault stands for. */
export const fromTransportError = (reason: TransportError): TokenError => new TokenError({ reason })

const reasons = new Map<string, new (error: OAuthError.OAuthError) => TokenError["reason"]>([
  ["authorization_pending", AuthorizationPending],
  ["slow_down", SlowDown],
  ["access_denied", OAuthError.AccessDenied],
  ["invalid_grant", InvalidGrant],
  ["invalid_request", OAuthError.InvalidRequest],
  ["invalid_client", OAuthError.InvalidClient],
  ["unauthorized_client", OAuthError.UnauthorizedClient],
  ["invalid_scope", OAuthError.InvalidScope],
  ["invalid_authorization_details", OAuthError.InvalidAuthorizationDetails],
  ["invalid_target", OAuthError.InvalidTarget],
  ["invalid_grant_id", OAuthError.InvalidGrantId],
  ["unsupported_grant_type", UnsupportedGrantType],
  ["unsupported_token_type", UnsupportedTokenType],
  ["transaction_failed", TransactionFailed],
  ["use_dpop_nonce", OAuthError.UseDpopNonce],
  ["invalid_dpop_proof", OAuthError.InvalidDpopProof]
])
