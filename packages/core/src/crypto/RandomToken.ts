/** Random texts from the `WebCrypto` reference, which a test can replace. */
import { Effect } from "effect"
import { WebCrypto } from "effect/crypto"
import * as jose from "jose"

/** `size` random bytes as base64url text, in one piece: the one of Effect is a tree of strings, ten times as large. */
export const generate = (size: number): Effect.Effect<string> => Effect.map(bytes(size), jose.base64url.encode)

/** A version 4 UUID (RFC 9562), to name something by. Platforms draw the randomness of many at once. */
export const uuid: Effect.Effect<string> = Effect.map(WebCrypto.WebCrypto, (crypto) => crypto.randomUUID())

/** `size` random bytes. */
export const bytes = (size: number): Effect.Effect<Uint8Array> =>
  Effect.map(WebCrypto.WebCrypto, (crypto) => crypto.getRandomValues(new Uint8Array(size)))
