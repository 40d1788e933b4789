/** Everything that can go wrong between asking and believing: one error per stage. */
import type { DiscoveryError } from "./provider/DiscoveryError.ts"
import type { AuthenticationRequestError } from "./request/AuthenticationRequestError.ts"
import type { PendingAuthentication } from "./pending/PendingAuthentication.ts"
import type { TokenError } from "./token/TokenError.ts"
import type { IdTokenError } from "./identity/IdTokenError.ts"

/** A failure of some stage of the flow. */
export type CibaError = DiscoveryError | AuthenticationRequestError | TokenError | IdTokenError

/** Why an authentication that was taken did not lead to an identity. */
export type CompletionError = Exclude<CibaError, AuthenticationRequestError>

/** Whether it will pass: the provider could not be reached, or others were faster with each nonce that it gave. */
export const isPassing = ({ _tag, reason }: CompletionError): boolean =>
  (_tag === "DiscoveryError" && reason._tag === "HttpFault") || reason._tag === "UseDpopNonce"

/** Whether the authentication is another client's, or at another provider. */
export const isForeign = (error: CompletionError): boolean => error.reason._tag === "ForeignAuthentication"

/**
 * Whether a failure ends the authentication. Any other is about the client, or the moment: it may be mended, and the
 * authentication completed again until it expires. Nothing follows a push, whatever it says.
 */
export const isDecision = (
  error: CompletionError,
  { deliveryMode }: Pick<PendingAuthentication, "deliveryMode">
): boolean =>
  error._tag === "IdTokenError" ||
  decisions.has(error.reason._tag) ||
  (error._tag === "TokenError" && deliveryMode === "push" && !isForeign(error))

const decisions = new Set<string>([
  "AccessDenied",
  "ExpiredToken",
  "TransactionFailed",
  "InvalidRequest",
  "InvalidGrant",
  "OutcomeUnknown",
  "InvalidTokenResponse"
])
