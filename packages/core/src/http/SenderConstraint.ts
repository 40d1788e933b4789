/**
 * How the client shows, at the token endpoint and with its tokens, that it is the one they were issued to. Bearer
 * tokens need nothing, and so do tokens that are bound to a certificate; `Dpop.layer` says otherwise.
 */
import { Context, Effect, type Redacted } from "effect"
import type { HttpClientResponse } from "effect/http"
import { InvalidKey } from "../crypto/InvalidKey.ts"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import type * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"

/** What one HTTP attempt is about. */
export interface ProofTarget {
  readonly method: string
  readonly url: string
  /** The token that the request carries, if it carries one. */
  readonly accessToken?: Redacted.Redacted<string>
}

/** A way to prove possession. */
export interface SenderConstraint {
  /** The type of token that the provider must answer with. */
  readonly tokenType: "Bearer" | "DPoP"
  /** The algorithm of the proofs, where there are some. */
  readonly algorithm: JwsAlgorithm.Asymmetric | undefined
  /** The private key, where it can be kept with a pending authentication for a process that takes over. */
  readonly proofKey: Redacted.Redacted<JsonWebKey> | undefined
  /** The same with another key: the one that was kept. */
  readonly withKey: (proofKey: Redacted.Redacted<JsonWebKey>) => Effect.Effect<SenderConstraint, InvalidKey>
  /** Headers with a fresh proof for one HTTP attempt. */
  readonly prove: (target: ProofTarget) => Effect.Effect<Readonly<Record<string, string>>>
  /** Learns from a response, whatever its status. */
  readonly recordResponse: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<void>
}

/** The constraint at hand; none unless a layer provides one. */
export const SenderConstraint: Context.Reference<SenderConstraint> = Context.Reference(
  "@effect-ciba/core/SenderConstraint",
  { defaultValue: (): SenderConstraint => bearer }
)

/** Makes a request anew, twice at most, where the provider wants another nonce in the proof (RFC 9449 section 8). */
export const retryWithNonce = <A, E extends { readonly reason: { readonly _tag: string } }, R>(
  { tokenType }: SenderConstraint,
  request: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  tokenType === "DPoP"
    ? Effect.retry(request, { times: 2, while: ({ reason }) => reason._tag === "UseDpopNonce" })
    : request

const bearer: SenderConstraint = {
  tokenType: "Bearer",
  algorithm: undefined,
  proofKey: undefined,
  withKey: () =>
    Effect.fail(new InvalidKey({ problem: "it is kept for DPoP proofs, and nobody makes them; provide Dpop.layer" })),
  prove: () => Effect.succeed({}),
  recordResponse: () => Effect.void
}
