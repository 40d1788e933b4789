// Random sources whose values a test can predict.
import { WebCrypto } from "effect/crypto"

/** The first draw is all ones, the second all twos, and so on. */
export const counting = () => {
  let draws = 0
  return filling((bytes) => {
    draws += 1
    bytes.fill(draws)
  })
}

/** These bytes one after the other, and then from the beginning. */
export const repeating = (source: ReadonlyArray<number>) => {
  let position = 0
  return filling((bytes) => {
    for (const index of bytes.keys()) bytes[index] = source[position++ % source.length] ?? 0
  })
}

const filling = (fill: (bytes: Uint8Array) => void) => {
  const source: Crypto = {
    subtle: crypto.subtle,
    randomUUID: () => crypto.randomUUID(),
    getRandomValues: (array) => {
      if (array !== null) fill(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
      return array
    }
  }
  return WebCrypto.layer(source)
}
