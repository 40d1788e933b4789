/** Random values from the `WebCrypto` reference, which a test can replace. */
import { Effect } from "effect"
import { SecureRandom, WebCrypto } from "effect/crypto"
import * as jose from "jose"

/** The random source of the current `WebCrypto`. */
export const source: Effect.Effect<SecureRandom.SecureRandom["Service"]> = WebCrypto.WebCrypto.use((crypto) =>
  Effect.succeed(SecureRandom.make((size) => crypto.getRandomValues(new Uint8Array(size))))
)

/** `size` random bytes as base64url text, in one piece: the one of Effect is a tree of strings, ten times as large. */
export const generate = (size: number): Effect.Effect<string> =>
  Effect.map(WebCrypto.WebCrypto, (crypto) => jose.base64url.encode(crypto.getRandomValues(new Uint8Array(size))))
