/** Everything that can go wrong between asking and believing: one error per stage. */
import type { DiscoveryError } from "./discovery/DiscoveryError.ts"
import type { AuthenticationRequestError } from "./request/AuthenticationRequestError.ts"
import type { TokenError } from "./token/TokenError.ts"
import type { IdTokenError } from "./verification/IdTokenError.ts"

/** A failure of some stage of the flow. */
export type CibaError = DiscoveryError | AuthenticationRequestError | TokenError | IdTokenError
