/**
 * How the client proves that access tokens were issued to it: at the token endpoint and at resources. `Dpop.layer` provides
 * DPoP; the default is for bearer tokens and for tokens that are bound to the certificate of the connection.
 */
import { Context, Effect, type Redacted } from "effect"
import type { HttpClientResponse } from "effect/http"
import { InvalidKey } from "../crypto/InvalidKey.ts"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import type * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"

/** The HTTP request that a proof is for. */
export interface ProofTarget {
  readonly method: string
  readonly url: string
  /** The access token that the request carries. */
  readonly accessToken?: Redacted.Redacted<string>
}

/** A method to prove possession of a key. */
export interface SenderConstraint {
  /** The `token_type` that token responses must have. */
  readonly tokenType: "Bearer" | "DPoP"
  /** The algorithm of the proofs; `undefined` if none are made. */
  readonly algorithm: JwsAlgorithm.Asymmetric | undefined
  /** The private key, if it can be stored with a pending authentication for another process. */
  readonly dpopKey: Redacted.Redacted<JsonWebKey> | undefined
  /** The same constraint with another key, for example a stored one. */
  readonly withKey: (dpopKey: Redacted.Redacted<JsonWebKey>) => Effect.Effect<SenderConstraint, InvalidKey>
  /** Headers with a new proof for one HTTP request. */
  readonly prove: (target: ProofTarget) => Effect.Effect<Readonly<Record<string, string>>>
  /** Remembers the nonce of a response of any status. */
  readonly recordResponse: (
    response: Pick<HttpClientResponse.HttpClientResponse, "headers" | "request">
  ) => Effect.Effect<void>
}

/** The sender constraint of the client; for bearer tokens by default. */
export const SenderConstraint: Context.Reference<SenderConstraint> = Context.Reference(
  "@effect-ciba/core/SenderConstraint",
  { defaultValue: (): SenderConstraint => bearer }
)

/** How a demand for a nonce is recognized in a response, and what is done with a response that is replaced. */
export interface NonceDemand<A> {
  readonly isDemand: (response: A) => boolean
  readonly discard: (response: A) => Effect.Effect<void>
}

/**
 * Sends a request again, twice at most, while the server demands another nonce in its proof (RFC 9449 sections 8 and 9):
 * with the error `use_dpop_nonce`, or with a response that `demand` recognizes. Each run of `request` must make a new proof.
 */
export const retryWithNonce = <A, E extends { readonly reason: { readonly _tag: string } }, R>(
  constraint: SenderConstraint | undefined,
  request: Effect.Effect<A, E, R>,
  demand?: NonceDemand<A>
): Effect.Effect<A, E, R> => {
  const attempt = (retries: number): Effect.Effect<A, E, R> =>
    retries === 0
      ? request
      : Effect.matchEffect(request, {
          onFailure: (error) => (error.reason._tag === "UseDpopNonce" ? attempt(retries - 1) : Effect.fail(error)),
          onSuccess: (response) =>
            demand?.isDemand(response) === true
              ? Effect.andThen(demand.discard(response), attempt(retries - 1))
              : Effect.succeed(response)
        })
  return constraint?.tokenType === "DPoP" ? attempt(2) : request
}

/** Fails a request with a token that DPoP binds, if the client has no DPoP key. */
export const missingKeyError = (): InvalidKey =>
  new InvalidKey({ problem: "the token is bound to a DPoP key, and none is configured; provide Dpop.layer" })

/** The constraint of a client whose tokens are not bound to a key. */
export const bearer: SenderConstraint = {
  tokenType: "Bearer",
  algorithm: undefined,
  dpopKey: undefined,
  withKey: () => Effect.fail(missingKeyError()),
  prove: () => Effect.succeed({}),
  recordResponse: () => Effect.void
}
