/** Everything that can go wrong between asking and believing: one error per stage. */
import type { DiscoveryError } from "./discovery/DiscoveryError.ts"
import type { AuthenticationRequestError } from "./request/AuthenticationRequestError.ts"
import type { TokenError } from "./token/TokenError.ts"
import type { IdTokenError } from "./verification/IdTokenError.ts"

/** A failure of some stage of the flow. */
export type CibaError = DiscoveryError | AuthenticationRequestError | TokenError | IdTokenError

/** Why an authentication that was taken did not lead to an identity. */
export type CompletionError = Exclude<CibaError, AuthenticationRequestError>

/** Whether the provider could not be reached. */
export const isFault = (error: CompletionError): boolean =>
  error._tag === "DiscoveryError" && error.reason._tag === "HttpFault"

/** Whether the authentication is another client's, or at another provider. */
export const isForeign = (error: CompletionError): boolean => error.reason._tag === "ForeignAuthentication"

/**
 * Whether a failure ends the authentication. Any other is about the client, or the moment: it may be mended, and the
 * authentication completed again until it expires.
 */
export const isDecision = (error: CompletionError): boolean =>
  error._tag === "IdTokenError" || decisions.has(error.reason._tag)

const decisions = new Set<string>([
  "AccessDenied",
  "ExpiredToken",
  "TransactionFailed",
  "InvalidRequest",
  "InvalidGrant",
  "OutcomeUnknown",
  "InvalidTokenResponse"
])
