/**
 * Why an authentication request was not sent, or not acknowledged. The library sends none of these again, except for a
 * DPoP nonce: the provider would contact the authentication device a second time.
 *
 * **Example** (Asking for the user code)
 *
 * ```ts
 * import { AuthenticationRequestError, CibaError } from "@effect-ciba/core"
 *
 * const reason = new AuthenticationRequestError.MissingUserCode({ code: "missing_user_code", status: 400 })
 * const error = new AuthenticationRequestError.AuthenticationRequestError({ reason })
 *
 * error.message // => "MissingUserCode: the provider demands the end-user's user code (missing_user_code, status 400)"
 * CibaError.canAskAgain(error) // => true
 * error.advice // => "Ask the end-user for the user code, and send a new request with it."
 * ```
 *
 * @see CIBA Core 1.0 section 13
 */
import { Schema } from "effect"
import * as ErrorResponse from "../http/ErrorResponse.ts"
import * as OAuthError from "../http/OAuthError.ts"
import { mayHaveArrived, TransportError } from "../http/TransportError.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"
import { ProfileViolation } from "../profile/Rule.ts"

const defineCode = ErrorResponse.fromTable({
  ExpiredLoginHintToken: ["expired_login_hint_token", "the login_hint_token has expired", "renewHint"],
  ExpiredIdTokenHint: ["expired_id_token_hint", "the ID Token of the hint has expired", "renewHint"],
  InvalidIdTokenHint: ["invalid_id_token_hint", "the provider does not accept the ID Token of the hint", "renewHint"],
  UnknownUserId: ["unknown_user_id", "the provider does not know the end-user that the hint names", "askForIdentifier"],
  MissingUserCode: ["missing_user_code", "the provider demands the end-user's user code", "askForUserCode"],
  InvalidUserCode: ["invalid_user_code", "the user code is wrong", "askForUserCode"],
  InvalidBindingMessage: [
    "invalid_binding_message",
    "the provider does not accept the binding message; BindingMessage.generate makes a plain one",
    "changeBindingMessage"
  ],
  AccessDenied: ["access_denied", "the provider refuses to ask the end-user", "reportPolicy"]
})

const define = ErrorClass.fromTable({
  InvalidParameter: ["a parameter cannot be sent as it is; nothing was sent", "fixCall"],
  Unsupported: ["the provider, or the registration, does not have this; nothing was sent", "fixGrant"],
  InvalidAcknowledgement: ["the acknowledgement is not valid", "reportToProvider"],
  DuplicateAuthReqId: ["the acknowledgement has the auth_req_id of another request that is waiting", "reportToProvider"]
})

/**
 * A parameter that cannot be sent as it is. Nothing was sent.
 *
 * @since 0.1.0
 * @stability stable
 */
export class InvalidParameter extends define<InvalidParameter>()(
  "InvalidParameter",
  { parameter: Schema.String, problem: Schema.String },
  { message: ({ parameter, problem }) => `${parameter}: ${problem}` }
) {}

/**
 * Something that the provider, or the registration, does not have. Nothing was sent.
 *
 * @since 0.1.0
 * @stability stable
 */
export class Unsupported extends define<Unsupported>()(
  "Unsupported",
  { feature: Schema.String, problem: Schema.String },
  { message: ({ feature, problem }) => `${feature}: ${problem}` }
) {}

/**
 * The provider accepted the request, and its acknowledgement cannot be used.
 *
 * @since 0.1.0
 * @stability stable
 */
export class InvalidAcknowledgement extends define<InvalidAcknowledgement>()("InvalidAcknowledgement", {
  issues: Schema.String
}) {}

/**
 * The acknowledgement has the `auth_req_id` of another request of this client, which has not been completed. That one goes
 * on; this one has no result.
 *
 * @since 0.1.0
 * @stability stable
 */
export class DuplicateAuthReqId extends define<DuplicateAuthReqId>()("DuplicateAuthReqId", {}) {}

/**
 * The `login_hint_token` has expired.
 *
 * @since 0.1.0
 * @stability stable
 */
export class ExpiredLoginHintToken extends defineCode<ExpiredLoginHintToken>()("ExpiredLoginHintToken") {}

/**
 * The `id_token_hint` has expired (Open Finance Brasil).
 *
 * @since 0.1.0
 * @stability stable
 */
export class ExpiredIdTokenHint extends defineCode<ExpiredIdTokenHint>()("ExpiredIdTokenHint") {}

/**
 * The `id_token_hint` is not accepted (Open Finance Brasil).
 *
 * @since 0.1.0
 * @stability stable
 */
export class InvalidIdTokenHint extends defineCode<InvalidIdTokenHint>()("InvalidIdTokenHint") {}

/**
 * The provider does not know the end-user that the hint names.
 *
 * @since 0.1.0
 * @stability stable
 */
export class UnknownUserId extends defineCode<UnknownUserId>()("UnknownUserId") {}

/**
 * The provider demands a user code.
 *
 * @since 0.1.0
 * @stability stable
 */
export class MissingUserCode extends defineCode<MissingUserCode>()("MissingUserCode") {}

/**
 * The user code is wrong.
 *
 * @since 0.1.0
 * @stability stable
 */
export class InvalidUserCode extends defineCode<InvalidUserCode>()("InvalidUserCode") {}

/**
 * The provider does not accept the binding message.
 *
 * @since 0.1.0
 * @stability stable
 */
export class InvalidBindingMessage extends defineCode<InvalidBindingMessage>()("InvalidBindingMessage") {}

/**
 * The provider refused by its own policy: the end-user was not asked.
 *
 * @since 0.1.0
 * @stability stable
 */
export class AccessDenied extends defineCode<AccessDenied>()("AccessDenied") {}

const coded = [
  ExpiredLoginHintToken,
  ExpiredIdTokenHint,
  InvalidIdTokenHint,
  UnknownUserId,
  MissingUserCode,
  InvalidUserCode,
  InvalidBindingMessage,
  AccessDenied,
  ...OAuthError.common
] as const

/**
 * An authentication request that led to no pending authentication.
 *
 * @since 0.1.0
 * @stability stable
 */
export class AuthenticationRequestError extends ErrorClass.make<AuthenticationRequestError>()(
  "AuthenticationRequestError",
  {
    reason: Schema.Union([
      ...coded,
      OAuthError.Unrecognized,
      InvalidParameter,
      ProfileViolation,
      Unsupported,
      InvalidAcknowledgement,
      DuplicateAuthReqId,
      TransportError
    ])
  },
  ["the authentication request was not sent, or not acknowledged", "fixRequest"],
  { next: ({ reason }) => (reason._tag === "TransportError" && mayBeServed(reason) ? "confirm" : reason.next) }
) {}

/** Whether the provider may have done what the request asks for: it may have arrived, and was not refused with a status of 4xx. */
const mayBeServed = (error: TransportError): boolean => mayHaveArrived(error) && !isRefusal(error)

/** The status of a response to another request says nothing. */
const isRefusal = ({ kind, status = 0 }: TransportError): boolean =>
  kind !== "InteractionIdMismatch" && status >= 400 && status < 500

/**
 * Whether the provider may have asked the end-user, though the request has no acknowledgement that can be used: its response is lost, or not what
 * the specification says. Not if it was never sent, or refused: with an error code, or with a status of 4xx.
 *
 * **Example** (A user code that is missing, and an acknowledgement that cannot be used)
 *
 * ```ts
 * import { AuthenticationRequestError } from "@effect-ciba/core"
 *
 * const missing = new AuthenticationRequestError.MissingUserCode({ code: "missing_user_code", status: 400 })
 * const invalid = new AuthenticationRequestError.InvalidAcknowledgement({ issues: "auth_req_id is missing" })
 *
 * const mayHaveAsked = [missing, invalid].map((reason) =>
 *   AuthenticationRequestError.mayHaveAsked(new AuthenticationRequestError.AuthenticationRequestError({ reason }))
 * )
 *
 * mayHaveAsked // => [false, true]
 * ```
 *
 * @since 0.1.0
 * @stability unstable
 */
export const mayHaveAsked = ({ reason }: AuthenticationRequestError): boolean =>
  reason._tag === "TransportError"
    ? mayBeServed(reason)
    : reason._tag === "InvalidAcknowledgement" || reason._tag === "DuplicateAuthReqId"

/**
 * The failure for an error response of the backchannel authentication endpoint.
 *
 * @since 0.1.0
 * @stability stable
 */
export const fromOAuthError = (error: OAuthError.OAuthError): AuthenticationRequestError => {
  const Reason = ErrorResponse.findClass(coded, error) ?? OAuthError.Unrecognized
  return new AuthenticationRequestError({ reason: new Reason(error) })
}

/**
 * The error of a request that has met a failure of transport.
 *
 * @since 0.1.0
 * @stability stable
 */
export const fromTransportError = (reason: TransportError): AuthenticationRequestError =>
  new AuthenticationRequestError({ reason })
