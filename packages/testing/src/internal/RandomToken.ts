/** Random tokens and identifiers, from the injectable `WebCrypto`, so that a test can seed them. */
import { Effect } from "effect"
import { WebCrypto } from "effect/crypto"
import { Base64Url } from "effect/encoding"

/** So many random bytes as base64url. */
export const make = (size: number): Effect.Effect<string> =>
  WebCrypto.WebCrypto.use((crypto) => Effect.sync(() => Base64Url.encode(crypto.getRandomValues(new Uint8Array(size)))))
