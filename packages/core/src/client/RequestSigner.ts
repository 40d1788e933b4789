/**
 * Signs authentication requests. `SignedRequest.layer` provides it; this reference keeps that code out of programs that do not
 * sign.
 */
import { Context, type Duration, type Effect, type Redacted } from "effect"
import type * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import type { RequestTarget } from "./ClientAuthentication.ts"

/** Signs the parameters of authentication requests (CIBA Core 7.1.1). */
export interface RequestSigner {
  readonly algorithm: JwsAlgorithm.Asymmetric
  /** From `iat` to `exp`. */
  readonly lifetime: Duration.Duration
  /** From `nbf` to `iat`. */
  readonly backdated: Duration.Duration
  readonly sign: (
    parameters: Readonly<Record<string, unknown>>,
    target: RequestTarget
  ) => Effect.Effect<Redacted.Redacted<string>>
}

/** The signer of the client; by default requests are not signed. */
export const RequestSigner: Context.Reference<RequestSigner | undefined> = Context.Reference(
  "@effect-ciba/core/RequestSigner",
  { defaultValue: (): RequestSigner | undefined => undefined }
)
