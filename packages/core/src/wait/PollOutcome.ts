/**
 * What the outcome of a poll means to its wait: whether it continues, and whether a response was lost that may have held
 * tokens.
 *
 * @see CIBA Core 1.0 sections 10.1 and 11
 */
import { Duration } from "effect"
import { isTransientStatus } from "../http/ErrorResponse.ts"
import { makeError } from "../http/Transport.ts"
import { mayHaveArrived, type TransportError } from "../http/TransportError.ts"
import { steps } from "../internal/NextStep.ts"
import type * as PollRequest from "../token/PollRequest.ts"
import type { TokenError } from "../token/TokenError.ts"
import type { TokenResponse } from "../token/TokenResponse.ts"
import type { PollResult } from "./Pace.ts"
import type * as Wait from "./Wait.ts"

/** What a poll met, as its wait knows it. */
export type Answer = Wait.Answer<TokenResponse, TransportError>

/** An answer after which the wait continues. */
export type Continuing = Extract<Answer, { readonly _tag: "Pending" | "SlowDown" | "Fault" }>

/** Whether the wait continues after an answer. */
export const isContinuing = (answer: Answer): answer is Continuing =>
  answer._tag === "Pending" || answer._tag === "SlowDown" || answer._tag === "Fault"

/** The answer as a caller's schedule sees it. */
export const toResult = (answer: Continuing, sentAt: number): PollResult => ({
  _tag: answer._tag,
  sentAt,
  retryAfter: answer.retryAfter === undefined ? undefined : Duration.millis(answer.retryAfter),
  ...(answer._tag === "Fault" && answer.timedOut === true ? { timedOut: true } : undefined)
})

/** The answer of a poll that was interrupted after its time limit. */
export const makeTimedOut = (url: string, isLost: boolean): Continuing =>
  toFault(makeError("TimedOut", { method: "POST", url }), isLost)

/** The answer for the outcome of a poll that was sent to `url`. */
export const toAnswer = (outcome: PollRequest.Outcome, url: string): Answer => {
  if (outcome._tag === "Failed") return classify(outcome.error, url)
  return outcome._tag === "Tokens" ? outcome : { _tag: outcome._tag, retryAfter: toMillis(outcome.retryAfter) }
}

const classify = ({ next, reason }: TokenError, url: string): Answer => {
  if (reason._tag === "TransportError" && reason.kind !== "InsecureUrl") return toFault(reason, mayHideTokens(reason))
  if ("code" in reason && reason._tag !== "TransportError" && isTransient(reason)) {
    return toFault(makeError("UnexpectedStatus", { method: "POST", url }, reason.status, reason.retryAfter), false)
  }
  return reason._tag === "InvalidGrant" || reason._tag === "ExpiredToken"
    ? { _tag: "Gone" }
    : { _tag: "Refused", isFinal: steps[next].isFinal === true }
}

const toFault = (fault: TransportError, isLost: boolean): Continuing => ({
  _tag: "Fault",
  fault,
  isLost,
  timedOut: fault.kind === "TimedOut",
  retryAfter: toMillis(fault.retryAfter)
})

const toMillis = (duration: Duration.Duration | undefined): number | undefined =>
  duration === undefined ? undefined : Duration.toMillis(duration)

/** Whether the error may go away: by its status, or by its code. */
const isTransient = ({ code, status }: { readonly code: string; readonly status: number }): boolean =>
  isTransientStatus(status) || transientCodes.has(code)

const transientCodes = new Set(["server_error", "temporarily_unavailable"])

/** Whether the provider may have sent tokens that did not arrive. */
const mayHideTokens = (error: TransportError): boolean =>
  error.kind === "UnexpectedStatus" ? error.status === 502 || error.status === 504 : mayHaveArrived(error)
