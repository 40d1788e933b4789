/**
 * Why there are no tokens: error responses of the token endpoint, and what can end the wait for them. Codes that the
 * backchannel authentication endpoint shares with it are in `OAuthError`.
 *
 * **Example** (The end-user refused)
 *
 * ```ts
 * import { TokenError } from "@effect-ciba/core"
 *
 * const error = new TokenError.TokenError({ reason: new TokenError.AccessDenied({ code: "access_denied", status: 400 }) })
 *
 * String(error) // => "TokenError: AccessDenied: the end-user refused (access_denied, status 400)"
 * error.advice // => "Tell the end-user. Ask again only if they start over."
 * ```
 *
 * @see CIBA Core 1.0 section 11, RFC 6749 section 5.2
 */
import { Schema } from "effect"
import { InvalidKey } from "../crypto/InvalidKey.ts"
import * as ErrorResponse from "../http/ErrorResponse.ts"
import * as OAuthError from "../http/OAuthError.ts"
import { TransportError } from "../http/TransportError.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"
import { InvalidParameter } from "../request/AuthenticationRequestError.ts"
import { OutcomeUnknown } from "./OutcomeUnknown.ts"

const defineCode = ErrorResponse.fromTable({
  AuthorizationPending: ["authorization_pending", "the end-user has not decided yet", "wait"],
  AccessDenied: ["access_denied", "the end-user refused", "respectRefusal"],
  SlowDown: ["slow_down", "the end-user has not decided yet, and polls come too often", "wait"],
  InvalidGrant: [
    "invalid_grant",
    "the provider does not accept the auth_req_id or the refresh token: it is unknown, expired, revoked, of another client, or was used before",
    "askAgain"
  ],
  UnsupportedGrantType: ["unsupported_grant_type", "the provider does not offer this grant to the client", "fixClient"],
  UnsupportedTokenType: ["unsupported_token_type", "the provider does not do this with tokens of this type", "fixCall"],
  TransactionFailed: ["transaction_failed", "the provider could not complete the transaction", "askAgain"]
})

const define = ErrorClass.fromTable({
  ExpiredToken: ["the authentication request expired before the end-user decided", "askAgain"],
  InvalidTokenResponse: ["the token response is not valid", "reportToProvider"],
  AlreadyRedeemed: ["this process has redeemed the authentication before; an auth_req_id is valid once", "fixCall"],
  PushDelivery: [
    "the client is registered for push delivery, and receives its tokens at its notification endpoint",
    "fixCall"
  ],
  ClientMismatch: ["the authentication belongs to another client or provider than the configured one", "fixCall"],
  NoRefreshToken: [
    "the provider has issued no refresh token; many do so only for the scope offline_access",
    "authenticate"
  ],
  ScheduleExhausted: ["the schedule ended the wait while the request was still pending", "resume"]
})

/**
 * The end-user has not decided yet. A single poll fails with it; a whole wait goes on.
 *
 * @since 0.1.0
 * @stability stable
 */
export class AuthorizationPending extends defineCode<AuthorizationPending>()("AuthorizationPending") {}

/**
 * The end-user has not decided yet, and polls come too often: the interval grows by five seconds.
 *
 * @since 0.1.0
 * @stability stable
 */
export class SlowDown extends defineCode<SlowDown>()("SlowDown") {}

/**
 * The end-user refused. `AuthenticationRequestError.AccessDenied` is a refusal before they were asked.
 *
 * @since 0.1.0
 * @stability stable
 */
export class AccessDenied extends defineCode<AccessDenied>()("AccessDenied") {}

/**
 * The request has expired. `local` if the client's own clock says so, and nothing was sent; then `polls` is how many token
 * requests were sent, and `lastFault` is why the last one failed, if it did.
 *
 * @since 0.1.0
 * @stability stable
 */
export class ExpiredToken extends define<ExpiredToken>()("ExpiredToken", {
  local: Schema.Boolean,
  polls: Schema.optionalKey(Schema.Int),
  lastFault: Schema.optionalKey(TransportError)
}) {
  static readonly code: string = "expired_token"
}

/**
 * The `auth_req_id` or the refresh token is unknown to the provider, or another client's, or was used before; a refresh
 * token may have expired or been revoked, too.
 *
 * @since 0.1.0
 * @stability stable
 */
export class InvalidGrant extends defineCode<InvalidGrant>()("InvalidGrant") {}

/**
 * The provider does not offer the grant, of CIBA or of refresh tokens, to this client.
 *
 * @since 0.1.0
 * @stability stable
 */
export class UnsupportedGrantType extends defineCode<UnsupportedGrantType>()("UnsupportedGrantType") {}

/**
 * The provider does not revoke or introspect tokens of this type (RFC 7009 section 2.2.1).
 *
 * @since 0.1.0
 * @stability stable
 */
export class UnsupportedTokenType extends defineCode<UnsupportedTokenType>()("UnsupportedTokenType") {}

/**
 * The provider could not complete the transaction.
 *
 * @since 0.1.0
 * @stability stable
 */
export class TransactionFailed extends defineCode<TransactionFailed>()("TransactionFailed") {}

/**
 * @since 0.1.0
 * @stability stable
 */
export { OutcomeUnknown }

/**
 * The status says success, and the response is no token response. The `auth_req_id` is redeemed.
 *
 * @since 0.1.0
 * @stability stable
 */
export class InvalidTokenResponse extends define<InvalidTokenResponse>()("InvalidTokenResponse", {
  issues: Schema.String
}) {}

/**
 * This process has redeemed the `auth_req_id` before. It is valid once (CIBA Core 10.1.1); nothing was sent.
 *
 * @since 0.1.0
 * @stability stable
 */
export class AlreadyRedeemed extends define<AlreadyRedeemed>()("AlreadyRedeemed", {}) {}

/**
 * A push client must not call the token endpoint with the CIBA grant (CIBA Core 11); nothing was sent.
 *
 * @since 0.1.0
 * @stability stable
 */
export class PushDelivery extends define<PushDelivery>()("PushDelivery", {}) {}

/**
 * The authentication belongs to another issuer or client than the configured one; nothing was sent.
 *
 * @since 0.1.0
 * @stability stable
 */
export class ClientMismatch extends define<ClientMismatch>()("ClientMismatch", {
  issuer: Schema.String,
  clientId: Schema.String
}) {}

/**
 * There is no refresh token to refresh the tokens with; nothing was sent.
 *
 * @since 0.1.0
 * @stability stable
 */
export class NoRefreshToken extends define<NoRefreshToken>()("NoRefreshToken", {}) {}

/**
 * The caller's own schedule ended the wait, and the request is still pending.
 *
 * @since 0.1.0
 * @stability stable
 */
export class ScheduleExhausted extends define<ScheduleExhausted>()("ScheduleExhausted", {}) {}

const coded = [
  AuthorizationPending,
  SlowDown,
  AccessDenied,
  InvalidGrant,
  UnsupportedGrantType,
  UnsupportedTokenType,
  TransactionFailed,
  ...OAuthError.common
] as const

/**
 * A failure to get or refresh tokens, or to have the provider revoke or introspect one.
 *
 * @since 0.1.0
 * @stability stable
 */
export class TokenError extends ErrorClass.make<TokenError>()(
  "TokenError",
  {
    reason: Schema.Union([
      ...coded,
      OAuthError.Unrecognized,
      ExpiredToken,
      OutcomeUnknown,
      InvalidTokenResponse,
      AlreadyRedeemed,
      PushDelivery,
      ClientMismatch,
      NoRefreshToken,
      ScheduleExhausted,
      InvalidParameter,
      InvalidKey,
      TransportError
    ])
  },
  ["there are no tokens, or the provider did not revoke or introspect one", "fixCall"]
) {}

/**
 * The failure for an error response of the token, revocation or introspection endpoint.
 *
 * @since 0.1.0
 * @stability stable
 */
export const fromOAuthError = (error: OAuthError.OAuthError): TokenError => {
  if (error.code === ExpiredToken.code) return new TokenError({ reason: new ExpiredToken({ local: false }) })
  const Reason = ErrorResponse.findClass(coded, error) ?? OAuthError.Unrecognized
  return new TokenError({ reason: new Reason(error) })
}

/**
 * The failure for a failure of transport.
 *
 * @since 0.1.0
 * @stability stable
 */
export const fromTransportError = (reason: TransportError): TokenError => new TokenError({ reason })
