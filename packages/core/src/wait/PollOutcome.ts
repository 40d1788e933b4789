/**
 * What a poll's outcome means for the wait: go on, or stop; and whether an answer was lost that may have been tokens.
 *
 * @see CIBA Core 1.0 sections 10.1 and 11
 */
import type { TransportError } from "../http/TransportError.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import { OutcomeUnknown, TokenError } from "../token/TokenError.ts"
import type * as PollPolicy from "./PollPolicy.ts"

/** An answer that the policy goes on with, or a failure that ends the wait. */
export type PollOutcome =
  | (PollPolicy.PollResult & { readonly fault?: TransportError; readonly status?: number | undefined })
  | { readonly _tag: "Failure"; readonly error: TokenError | DiscoveryError }

/** What the failure of a poll that was sent at this instant means. */
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

/** An error that is about the moment: by its status, which gateways give, too, or by its code. */
const isTransient = (
  reason: TokenError["reason"]
): reason is Extract<TokenError["reason"], { readonly code: string }> =>
  "code" in reason &&
  "status" in reason &&
  (reason.status >= 500 || [408, 425, 429].includes(reason.status) || passingCodes.has(reason.code))

const passingCodes = new Set(["server_error", "temporarily_unavailable"])

/** The fault, where the provider may have answered with tokens, and the answer did not come through. */
export const findLostResponse = (fault: TransportError | undefined): TransportError | undefined => {
  if (fault === undefined || fault.kind === "Redirected") return undefined
  return fault.kind !== "UnexpectedStatus" || fault.status === 502 || fault.status === 504 ? fault : undefined
}

/** A refused or expired id whose last answer was lost may be an approval: it must not look like a refusal. */
export const resolveOutcome = (
  error: TokenError | DiscoveryError,
  lost: TransportError | undefined
): TokenError | DiscoveryError =>
  lost !== undefined && (error.reason._tag === "InvalidGrant" || error.reason._tag === "ExpiredToken")
    ? new TokenError({ reason: new OutcomeUnknown({ lost }) })
    : error
