/**
 * The hashes that bind tokens to an ID Token (`at_hash`, `rt_hash`) and to a DPoP proof (`ath`).
 *
 * @see OpenID Connect Core 3.1.3.6, CIBA Core 10.3.1
 */
import { Effect, Redacted } from "effect"
import { WebCrypto } from "effect/crypto"
import { Base64Url } from "effect/encoding"
import * as JwsAlgorithm from "./JwsAlgorithm.ts"

/**
 * The left-most half of the hash of a token, in base64url: `at_hash`, `rt_hash`. The algorithm is that of the ID Token.
 *
 * **Example** (The vector of CIBA Core 10.3.1)
 *
 * ```ts
 * import { TokenHash } from "@effect-ciba/core/unstable/jose"
 * import { Effect, Redacted } from "effect"
 *
 * const hash = TokenHash.leftHalf(Redacted.make("G5kXH2wHvUra0sHlDy1iTkDJgsgUO1bN"), "RS256")
 *
 * await Effect.runPromise(hash) // => "Wt0kVFXMacqvnHeyU0001w"
 * ```
 */
export const leftHalf = (
  token: Redacted.Redacted<string>,
  algorithm: JwsAlgorithm.JwsAlgorithm
): Effect.Effect<string> =>
  Effect.map(digest(token, JwsAlgorithm.hash(algorithm)), (hash) => Base64Url.encode(hash.subarray(0, hash.length / 2)))

/** The SHA-256 hash of a token, in base64url: the `ath` of a DPoP proof (RFC 9449 section 4.2). */
export const sha256 = (token: Redacted.Redacted<string>): Effect.Effect<string> =>
  Effect.map(digest(token, "SHA-256"), Base64Url.encode)

const digest = (token: Redacted.Redacted<string>, hash: string): Effect.Effect<Uint8Array> =>
  WebCrypto.WebCrypto.use((crypto) =>
    Effect.promise(() => crypto.subtle.digest(hash, new TextEncoder().encode(Redacted.value(token))))
  ).pipe(Effect.map((bytes) => new Uint8Array(bytes)))
