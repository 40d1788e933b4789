// A source of random values that anybody can foresee.
import { WebCrypto } from "effect/crypto"

/** The first draw is all ones, the second all twos, and so on. */
export const foreseen = () => {
  let draws = 0
  const source: Crypto = {
    subtle: crypto.subtle,
    randomUUID: () => crypto.randomUUID(),
    getRandomValues: (array) => {
      draws += 1
      if (array !== null) new Uint8Array(array.buffer, array.byteOffset, array.byteLength).fill(draws)
      return array
    }
  }
  return WebCrypto.layer(source)
}
