/**
 * What `ApprovalsApi` answers when there is no approval to give: the same members for all of them, and a status for each.
 *
 * **When to use**
 *
 * To decide what a caller does next. The generated client fails with these classes; any other client reads `error`.
 *
 * **Details**
 *
 * | status | `error` | what it means |
 * | --- | --- | --- |
 * | 400 | `InvalidRequest` | nothing was sent: a member is unknown, missing or malformed |
 * | 401 | `Unauthorized` | there is no bearer token, or it is not accepted |
 * | 403 | `Forbidden` | the caller may not use this key, whether there is such an approval or not |
 * | 404 | `ApprovalNotFound` | none was started with this key, or it was purged |
 * | 409 | `ApprovalConflict` | the key was started with another request |
 * | 410 | `AcknowledgementLost` | the end-user may have been asked, and nothing more will be known |
 * | 410 | `ApprovalFailed` | it has no result, and will have none: `outcome` and `reason` say why |
 * | 422 | `RequestRefused` | the provider refuses this request: `reason` says why |
 * | 500 | `InternalError` | an operator has to look: the log says why |
 * | 502 | `ProviderFailed` | the provider cannot be reached, or does not accept this client |
 * | 503 | `Unavailable` | the database cannot be used: the same call can be repeated |
 *
 * `reason` is the name of a reason of `AuthenticationRequestError`, `DiscoveryError`, `TokenError` or `IdTokenError`.
 *
 * **Example** (What a caller may do next)
 *
 * ```ts
 * import { ApprovalFailed } from "@effect-ciba/durable/ApprovalsApiError"
 *
 * const error = new ApprovalFailed({
 *   outcome: "Expired",
 *   reason: "ExpiredToken",
 *   message: "the approval transfer-17 has no result: it has expired",
 *   canAskAgain: true,
 *   needsOperator: false
 * })
 *
 * error.canAskAgain // => true
 * ```
 *
 * @see RFC 9110 section 15
 */
import { Schema } from "effect"

const explained = {
  message: Schema.String,
  /** Whether a new request, with a new key, may go to the end-user. On the wire `can_ask_again`. */
  canAskAgain: Schema.Boolean,
  /** Whether an operator or a developer has to change something first. On the wire `needs_operator`. */
  needsOperator: Schema.Boolean
}

/**
 * Nothing was sent: a member is unknown, missing or malformed, or the key is none.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", explained, {
  httpApiStatus: 400
}) {}

/**
 * There is no bearer token, or it is not accepted.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", explained, {
  httpApiStatus: 401
}) {}

/**
 * The caller may not use this key, whether there is such an approval or not.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", explained, { httpApiStatus: 403 }) {}

/**
 * None was started with this key, or it was purged.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class ApprovalNotFound extends Schema.TaggedError<ApprovalNotFound>()("ApprovalNotFound", explained, {
  httpApiStatus: 404
}) {}

/**
 * The key was started with another request. Nothing was sent.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class ApprovalConflict extends Schema.TaggedError<ApprovalConflict>()("ApprovalConflict", explained, {
  httpApiStatus: 409
}) {}

/**
 * The end-user may have been asked, and nothing more will be known.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class AcknowledgementLost extends Schema.TaggedError<AcknowledgementLost>()("AcknowledgementLost", explained, {
  httpApiStatus: 410
}) {}

/**
 * The approval has no result, and will have none.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class ApprovalFailed extends Schema.TaggedError<ApprovalFailed>()(
  "ApprovalFailed",
  {
    /** How the wait ended: `Refused`, `Expired`, `Unknown`, `Rejected`, `Cancelled`. */
    outcome: Schema.String,
    /** Why, if it was not cancelled: `AccessDenied`, for one. */
    reason: Schema.optionalKey(Schema.String),
    ...explained
  },
  { httpApiStatus: 410 }
) {}

/**
 * The provider refuses this request.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class RequestRefused extends Schema.TaggedError<RequestRefused>()(
  "RequestRefused",
  {
    /** Why: `UnknownUserId`, for one. */
    reason: Schema.String,
    ...explained
  },
  { httpApiStatus: 422 }
) {}

/**
 * An operator has to look: the log says why.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class InternalError extends Schema.TaggedError<InternalError>()("InternalError", explained, {
  httpApiStatus: 500
}) {}

/**
 * The provider cannot be reached, or does not accept this client.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class ProviderFailed extends Schema.TaggedError<ProviderFailed>()(
  "ProviderFailed",
  {
    /** Why: `TransportError`, for one. */
    reason: Schema.String,
    ...explained
  },
  { httpApiStatus: 502 }
) {}

/**
 * The database cannot be used. The same call can be repeated.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", explained, { httpApiStatus: 503 }) {}
