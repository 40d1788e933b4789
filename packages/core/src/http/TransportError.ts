/**
 * What can go wrong between client and server before the protocol has said anything.
 *
 * A fault names method, redacted URL and status, and never a header or a body.
 */
import { Duration, Schema } from "effect"

/**
 * What happened:
 *
 * - `InsecureUrl`: the URL is not https, and was not asked for
 * - `Unreachable`: no answer came, the connection failed or broke
 * - `TimedOut`: no answer came in time
 * - `Interrupted`: the client gave the call up before an answer came
 * - `InteractionIdMismatch`: the answer does not give back the `x-fapi-interaction-id` of the request
 * - `Redirected`: the server answered with a redirect, which is never followed
 * - `TooLarge`: the answer is larger than the limit
 * - `Unreadable`: the answer broke off, or is not JSON
 * - `UnexpectedStatus`: the status is none that this step knows
 */
export const Kind: Schema.Literals<
  readonly [
    "InsecureUrl",
    "Unreachable",
    "TimedOut",
    "Interrupted",
    "InteractionIdMismatch",
    "Redirected",
    "TooLarge",
    "Unreadable",
    "UnexpectedStatus"
  ]
> = Schema.Literals([
  "InsecureUrl",
  "Unreachable",
  "TimedOut",
  "Interrupted",
  "InteractionIdMismatch",
  "Redirected",
  "TooLarge",
  "Unreadable",
  "UnexpectedStatus"
])

/** A fault of transport, not of protocol. */
export class TransportError extends Schema.TaggedError<TransportError>()("TransportError", {
  kind: Kind,
  method: Schema.String,
  /** The URL without user, query and fragment. */
  url: Schema.String,
  status: Schema.optionalKey(Schema.Int),
  /** The runtime's code for a broken connection: `ECONNREFUSED`, `ENOTFOUND`, `DEPTH_ZERO_SELF_SIGNED_CERT`, … */
  code: Schema.optionalKey(Schema.String),
  /** The server's wish, where it sent `Retry-After`. */
  retryAfter: Schema.optionalKey(Schema.Duration)
}) {
  override get message(): string {
    const wish = this.retryAfter === undefined ? "" : `, retry after ${Duration.format(this.retryAfter)}`
    return `${this.method} ${this.url}${this.status === undefined ? "" : ` (${this.status})`}: ${sentences[this.kind]}${this.code === undefined ? "" : ` (${this.code})`}${wish}`
  }
}

const sentences: Readonly<Record<typeof Kind.Type, string>> = {
  InsecureUrl: 'the URL is not https; plain http works only for loopback, with allowInsecureRequests: "loopback"',
  Unreachable: "the server could not be reached, or the connection broke",
  TimedOut: "the server did not answer in time",
  Interrupted: "the call was given up before an answer came",
  InteractionIdMismatch: "the answer does not give back the x-fapi-interaction-id of the request",
  Redirected: "the server answered with a redirect, which is not followed",
  TooLarge: "the answer is larger than the limit",
  Unreadable: "the answer is not a complete JSON document",
  UnexpectedStatus: "the server answered with an unexpected status"
}
