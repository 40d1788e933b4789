/**
 * Everything that can go wrong between the authentication request and the verified identity, one error for each stage, and
 * the three questions that a program asks of a failure: can the same authentication be completed again, may the end-user
 * be asked again, is an operator needed?
 *
 * **When to use**
 *
 * Use the questions where all failures meet: in a handler's last `catch`, in a queue that retries, in an alert. To react to
 * one reason, use `Effect.catchReason("TokenError", "AccessDenied", …)`.
 *
 * **Details**
 *
 * - Each error has a `reason` with a tag of its own, `message`, `next` (the advice as a name) and `advice` (in words).
 * - docs/errors.md lists every reason with its error code and its advice.
 *
 * **Gotchas**
 *
 * - After `OutcomeUnknown` the end-user may have approved. All three answers are no: ask the end-user first.
 *
 * **Example** (What to do about a failure)
 *
 * ```ts
 * import { CibaError, OAuthError, TokenError } from "@effect-ciba/core"
 *
 * const decide = (error: CibaError.CibaError) =>
 *   CibaError.canResume(error) ? "later" : CibaError.canAskAgain(error) ? "new request" : "stop"
 *
 * const expired = new TokenError.TokenError({ reason: new TokenError.ExpiredToken({ local: true }) })
 * const denied = new TokenError.TokenError({ reason: new TokenError.AccessDenied({ code: "access_denied", status: 400 }) })
 * const busy = new TokenError.TokenError({ reason: new OAuthError.ServerError({ code: "server_error", status: 503 }) })
 *
 * decide(expired) // => "new request"
 * decide(denied) // => "stop"
 * decide(busy) // => "later"
 * ```
 *
 * @see CIBA Core 1.0 sections 11 and 13
 */

import type { IdTokenError } from "./identity/IdTokenError.ts"
import { type NextStep, steps } from "./internal/NextStep.ts"
import type { PendingAuthentication } from "./pending/PendingAuthentication.ts"
import type { DiscoveryError } from "./provider/DiscoveryError.ts"
import type { AuthenticationRequestError } from "./request/AuthenticationRequestError.ts"
import type { AuthorizationPending, SlowDown, TokenError } from "./token/TokenError.ts"

/**
 * The names of what can be done about an error: its `next`.
 *
 * @since 0.1.0
 * @stability stable
 */
export type { NextStep }

/**
 * A failure of some stage of the flow.
 *
 * @since 0.1.0
 * @stability stable
 */
export type CibaError = DiscoveryError | AuthenticationRequestError | TokenError | IdTokenError

/**
 * A `TokenError` without the two reasons that no wait ends with: only a single token request fails with them.
 *
 * @since 0.1.0
 * @stability stable
 */
export type FinalTokenError = TokenError & {
  readonly reason: Exclude<TokenError["reason"], AuthorizationPending | SlowDown>
}

/**
 * Why an acknowledged authentication did not lead to an identity.
 *
 * @since 0.1.0
 * @stability stable
 */
export type CompletionError = DiscoveryError | FinalTokenError | IdTokenError

/** The error of a step after the acknowledgement. */
type StepError = Exclude<CibaError, AuthenticationRequestError>

/**
 * Whether the same authentication can be completed again (`Ciba.complete` with the same pending authentication), until it
 * expires: at once for a failure that passes, or after an operator has mended what `needsOperator` is about.
 *
 * **Example** (A schedule that ended the wait)
 *
 * ```ts
 * import { CibaError, TokenError } from "@effect-ciba/core"
 *
 * CibaError.canResume(new TokenError.TokenError({ reason: new TokenError.ScheduleExhausted() })) // => true
 * ```
 *
 * @since 0.1.0
 * @stability stable
 */
export const canResume = (error: CibaError): boolean =>
  error._tag !== "AuthenticationRequestError" && steps[error.next].canResume === true

/**
 * Whether a new authentication request may go to the end-user: nothing else is left to try, the end-user has not refused,
 * and cannot have approved the last request.
 *
 * **Example** (A wrong user code)
 *
 * ```ts
 * import { AuthenticationRequestError, CibaError } from "@effect-ciba/core"
 *
 * const reason = new AuthenticationRequestError.InvalidUserCode({ code: "invalid_user_code", status: 400 })
 *
 * CibaError.canAskAgain(new AuthenticationRequestError.AuthenticationRequestError({ reason })) // => true
 * ```
 *
 * @since 0.1.0
 * @stability stable
 */
export const canAskAgain = (error: CibaError): boolean => !canResume(error) && steps[error.next].canAskAgain === true

/**
 * Whether it stays so until an operator or a developer changes something: the client's configuration, its registration,
 * the provider, or the program.
 *
 * **Example** (A wrong client secret)
 *
 * ```ts
 * import { CibaError, OAuthError, TokenError } from "@effect-ciba/core"
 *
 * const reason = new OAuthError.InvalidClient({ code: "invalid_client", status: 401 })
 *
 * CibaError.needsOperator(new TokenError.TokenError({ reason })) // => true
 * ```
 *
 * @since 0.1.0
 * @stability stable
 */
export const needsOperator = (error: CibaError): boolean => steps[error.next].needsOperator === true

/**
 * Whether a failure passes by itself: the provider cannot be reached, or demands one DPoP nonce after the other.
 *
 * @since 0.1.0
 * @stability stable
 */
export const isTransient = ({ _tag, reason }: StepError): boolean =>
  (_tag === "DiscoveryError" && reason._tag === "TransportError") || reason._tag === "UseDpopNonce"

/**
 * Whether the authentication is another client's, or at another provider.
 *
 * @since 0.1.0
 * @stability stable
 */
export const isMismatch = (error: CompletionError): boolean => error.reason._tag === "ClientMismatch"

/**
 * Whether a failure ends the authentication. Any other is about the client or passes: the authentication can be completed
 * again until it expires. Nothing follows a push, whatever it says.
 *
 * @since 0.1.0
 * @stability stable
 */
export const isFinal = (error: CibaError, { deliveryMode }: Pick<PendingAuthentication, "deliveryMode">): boolean =>
  steps[error.next].isFinal === true ||
  (error._tag === "TokenError" && deliveryMode === "push" && error.reason._tag !== "ClientMismatch")
