/** Everything that can go wrong between asking and believing: one error per stage. */

import type { IdTokenError } from "./identity/IdTokenError.ts"
import type { PendingAuthentication } from "./pending/PendingAuthentication.ts"
import type { DiscoveryError } from "./provider/DiscoveryError.ts"
import type { AuthenticationRequestError } from "./request/AuthenticationRequestError.ts"
import type { TokenError } from "./token/TokenError.ts"

/** A failure of some stage of the flow. */
export type CibaError = DiscoveryError | AuthenticationRequestError | TokenError | IdTokenError

/** Why an authentication that was taken did not lead to an identity. */
export type CompletionError = Exclude<CibaError, AuthenticationRequestError>

/** Whether it will pass: the provider could not be reached, or others were faster with each nonce that it gave. */
export const isTransient = ({ _tag, reason }: CompletionError): boolean =>
  (_tag === "DiscoveryError" && reason._tag === "TransportError") || reason._tag === "UseDpopNonce"

/** Whether the authentication is another client's, or at another provider. */
export const isMismatch = (error: CompletionError): boolean => error.reason._tag === "ClientMismatch"

/**
 * Whether a failure ends the authentication. Any other is about the client, or the moment: it may be mended, and the
 * authentication completed again until it expires. Nothing follows a push, whatever it says.
 */
export const isFinal = (error: CibaError, { deliveryMode }: Pick<PendingAuthentication, "deliveryMode">): boolean =>
  error._tag === "IdTokenError" ||
  decisions.has(error.reason._tag) ||
  (error._tag === "TokenError" && deliveryMode === "push" && error.reason._tag !== "ClientMismatch")

const decisions = new Set<string>([
  "AccessDenied",
  "ExpiredToken",
  "TransactionFailed",
  "InvalidRequest",
  "InvalidGrant",
  "OutcomeUnknown",
  "InvalidTokenResponse"
])
