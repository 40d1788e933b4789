/**
 * Classifies the outcome of a poll: whether the wait continues, and whether a response was lost that may have held tokens.
 *
 * @see CIBA Core 1.0 sections 10.1 and 11
 */
import type { TransportError } from "../http/TransportError.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import { ExpiredToken, OutcomeUnknown, TokenError } from "../token/TokenError.ts"
import type * as PollPolicy from "./PollPolicy.ts"

/** A result after which the wait continues, or a failure that ends it. */
export type PollOutcome =
  | (PollPolicy.PollResult & { readonly fault?: TransportError; readonly status?: number | undefined })
  | { readonly _tag: "Failure"; readonly error: TokenError | DiscoveryError }

/** Classifies the failure of a poll; `sentAt` is when it was sent, in milliseconds on the monotonic clock. */
export const classify = (error: TokenError | DiscoveryError, sentAt: number): PollOutcome => {
  if (error._tag === "DiscoveryError") return { _tag: "Fault", sentAt }
  const { reason } = error
  switch (reason._tag) {
    case "AuthorizationPending":
      return { _tag: "Pending", sentAt, retryAfter: reason.retryAfter }
    case "SlowDown":
      return { _tag: "SlowDown", sentAt, retryAfter: reason.retryAfter }
    case "TransportError":
      return reason.kind === "InsecureUrl"
        ? { _tag: "Failure", error }
        : {
            _tag: "Fault",
            sentAt,
            retryAfter: reason.retryAfter,
            timedOut: reason.kind === "TimedOut",
            fault: reason,
            status: reason.status
          }
    default:
      return isTransient(reason)
        ? { _tag: "Fault", sentAt, retryAfter: reason.retryAfter, status: reason.status }
        : { _tag: "Failure", error }
  }
}

/** Whether the error may go away: by its status, which may be that of a gateway, or by its code. */
const isTransient = (
  reason: TokenError["reason"]
): reason is Extract<TokenError["reason"], { readonly code: string }> =>
  "code" in reason &&
  "status" in reason &&
  (reason.status >= 500 || [408, 425, 429].includes(reason.status) || transientCodes.has(reason.code))

const transientCodes = new Set(["server_error", "temporarily_unavailable"])

/** The fault, if the provider may have sent tokens that did not arrive. */
export const findLostResponse = (fault: TransportError | undefined): TransportError | undefined => {
  if (fault === undefined || fault.kind === "Redirected") return undefined
  return fault.kind !== "UnexpectedStatus" || fault.status === 502 || fault.status === 504 ? fault : undefined
}

/** After a lost response, `invalid_grant` or an expiry may hide an approval: it is reported as `OutcomeUnknown`. */
export const resolveOutcome = (
  error: TokenError | DiscoveryError,
  lost: TransportError | undefined
): TokenError | DiscoveryError =>
  lost !== undefined && (error.reason._tag === "InvalidGrant" || error.reason._tag === "ExpiredToken")
    ? new TokenError({ reason: new OutcomeUnknown({ lost }) })
    : error

/** The expiry on the client's clock: `OutcomeUnknown` after a lost response. */
export const makeExpiryError = (lost: TransportError | undefined): TokenError =>
  new TokenError({ reason: lost === undefined ? new ExpiredToken({ local: true }) : new OutcomeUnknown({ lost }) })
