/**
 * How the client shows, at the token endpoint and with its tokens, that it is the one they were issued to. Bearer
 * tokens need nothing; `Dpop.layer` and certificates say otherwise.
 */

import type { Redacted } from "effect"
import { Context, Effect } from "effect"
import type { HttpClientResponse } from "effect/http"

/** What one HTTP attempt is about. */
export interface Target {
  readonly method: string
  readonly url: string
  /** The token that the request carries, if it carries one. */
  readonly accessToken?: Redacted.Redacted<string>
}

/** A way to prove possession. */
export interface SenderConstraint {
  /** The type of token that the provider must answer with. */
  readonly tokenType: "Bearer" | "DPoP"
  /** Headers with a fresh proof for one HTTP attempt. */
  readonly prove: (target: Target) => Effect.Effect<Readonly<Record<string, string>>>
  /** Learns from a response, whatever its status. */
  readonly observe: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<void>
}

/** The constraint at hand; none unless a layer provides one. */
export const SenderConstraint: Context.Reference<SenderConstraint> = Context.Reference(
  "@effect-ciba/core/client/SenderConstraint",
  { defaultValue: (): SenderConstraint => bearer }
)

const bearer: SenderConstraint = {
  tokenType: "Bearer",
  prove: () => Effect.succeed({}),
  observe: () => Effect.void
}
