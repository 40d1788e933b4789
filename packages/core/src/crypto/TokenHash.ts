/**
 * The half hashes that tie tokens to an ID Token: `at_hash` and `rt_hash`.
 *
 * @see OpenID Connect Core 3.1.3.6, CIBA Core 10.3.1
 */
import { Effect, Redacted } from "effect"
import { WebCrypto } from "effect/crypto"
import { Base64Url } from "effect/encoding"
import * as JwsAlgorithm from "./JwsAlgorithm.ts"

/**
 * The left half of a token's hash, in base64url, with the hash that the ID Token's algorithm names.
 *
 * **Example** (The vector of CIBA Core 10.3.1)
 *
 * ```ts
 * import { TokenHash } from "@effect-ciba/core"
 * import { Effect, Redacted } from "effect"
 *
 * const hash = TokenHash.half(Redacted.make("G5kXH2wHvUra0sHlDy1iTkDJgsgUO1bN"), "RS256")
 *
 * await Effect.runPromise(hash) // => "Wt0kVFXMacqvnHeyU0001w"
 * ```
 */
export const half = (token: Redacted.Redacted<string>, algorithm: JwsAlgorithm.JwsAlgorithm): Effect.Effect<string> =>
  WebCrypto.WebCrypto.use((crypto) =>
    Effect.map(
      Effect.promise(() =>
        crypto.subtle.digest(JwsAlgorithm.hash(algorithm), new TextEncoder().encode(Redacted.value(token)))
      ),
      (digest) => Base64Url.encode(new Uint8Array(digest, 0, digest.byteLength / 2))
    )
  )
