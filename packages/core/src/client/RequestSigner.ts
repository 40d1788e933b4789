/**
 * Who signs requests: nobody, unless a layer says so. `SignedRequest.layer` does; this file keeps it out of programs that
 * do not sign.
 */
import { Context, type Duration, type Effect, type Redacted } from "effect"
import type * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import type { RequestTarget } from "./ClientAuthentication.ts"

/** Signs a request's parameters. */
export interface RequestSigner {
  readonly algorithm: JwsAlgorithm.Asymmetric
  readonly lifetime: Duration.Duration
  readonly sign: (
    parameters: Readonly<Record<string, unknown>>,
    target: RequestTarget
  ) => Effect.Effect<Redacted.Redacted<string>>
}

/** The signer at hand. */
export const RequestSigner: Context.Reference<RequestSigner | undefined> = Context.Reference(
  "@effect-ciba/core/RequestSigner",
  { defaultValue: (): RequestSigner | undefined => undefined }
)
