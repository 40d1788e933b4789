/**
 * Classifies the outcome of a poll: whether the wait continues, and whether a response was lost that may have held tokens.
 *
 * @see CIBA Core 1.0 sections 10.1 and 11
 */
import { isTransientStatus } from "../http/ErrorResponse.ts"
import type { FailedRequest } from "../http/Throttle.ts"
import { mayHaveArrived, type TransportError } from "../http/TransportError.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import { ExpiredToken, OutcomeUnknown, TokenError } from "../token/TokenError.ts"
import type { TokenResponse } from "../token/TokenResponse.ts"
import type { PollResult } from "./PollPolicy.ts"

/** The result of a poll after which the wait continues. */
export type Continuing = PollResult & (Fault | { readonly _tag: "Pending" | "SlowDown" })

interface Fault extends FailedRequest {
  readonly _tag: "Fault"
  readonly kind: TransportError["kind"]
  /** The error, unless the response was an error response. */
  readonly error?: TransportError
  /** The fault, if the provider may have sent tokens that did not arrive. */
  readonly lost?: TransportError | undefined
}

/** A result after which the wait continues, or the response or the failure that ends it. */
export type PollOutcome =
  | Continuing
  | { readonly _tag: "Success"; readonly response: TokenResponse }
  | { readonly _tag: "Failure"; readonly error: TokenError | DiscoveryError }

/** Classifies the failure of a poll; `sentAt` is when it was sent, in milliseconds on the monotonic clock. */
export const classify = (error: TokenError | DiscoveryError, sentAt: number): PollOutcome => {
  if (error._tag === "DiscoveryError") return { _tag: "Fault", sentAt, kind: "Unreachable" }
  const { reason } = error
  if (reason._tag === "AuthorizationPending") return { _tag: "Pending", sentAt, retryAfter: reason.retryAfter }
  if (reason._tag === "SlowDown") return { _tag: "SlowDown", sentAt, retryAfter: reason.retryAfter }
  if (reason._tag === "TransportError" && reason.kind !== "InsecureUrl") {
    const { kind, retryAfter, status } = reason
    const lost = mayHideTokens(reason) ? reason : undefined
    return { _tag: "Fault", sentAt, retryAfter, timedOut: kind === "TimedOut", kind, status, error: reason, lost }
  }
  return isTransient(reason)
    ? { _tag: "Fault", sentAt, retryAfter: reason.retryAfter, kind: "UnexpectedStatus", status: reason.status }
    : { _tag: "Failure", error }
}

/** Whether the error may go away: by its status, or by its code. */
const isTransient = (
  reason: TokenError["reason"]
): reason is Extract<TokenError["reason"], { readonly code: string }> =>
  "code" in reason && "status" in reason && (isTransientStatus(reason.status) || transientCodes.has(reason.code))

const transientCodes = new Set(["server_error", "temporarily_unavailable"])

/** Whether the provider may have sent tokens that did not arrive. */
const mayHideTokens = (error: TransportError): boolean =>
  error.kind === "UnexpectedStatus" ? error.status === 502 || error.status === 504 : mayHaveArrived(error)

/** After a lost response, `invalid_grant` or an expiry may hide an approval: it is reported as `OutcomeUnknown`. */
export const resolveOutcome = (
  error: TokenError | DiscoveryError,
  lost: TransportError | undefined
): TokenError | DiscoveryError =>
  lost !== undefined && (error.reason._tag === "InvalidGrant" || error.reason._tag === "ExpiredToken")
    ? new TokenError({ reason: new OutcomeUnknown({ lost }) })
    : error

/** What the polls of a wait have met. */
export interface Encounters {
  readonly polls: number
  readonly lastFault?: TransportError
}

/** The expiry on the client's clock: `OutcomeUnknown` after a lost response. */
export const makeExpiryError = (lost: TransportError | undefined, encounters?: Encounters): TokenError =>
  new TokenError({
    reason: lost === undefined ? new ExpiredToken({ local: true, ...encounters }) : new OutcomeUnknown({ lost })
  })
