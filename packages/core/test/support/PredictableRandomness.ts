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

/** What a version 4 UUID looks like. */
export const uuid = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/

/** The UUID that is drawn as the first, the second, and so on of `counting`. */
export const countedUuid = (draw: number): string => toUuid(new Uint8Array(16).fill(draw))

const toUuid = (bytes: Uint8Array): ReturnType<Crypto["randomUUID"]> => {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
}

const filling = (fill: (bytes: Uint8Array) => void) => {
  const source: Crypto = {
    subtle: crypto.subtle,
    randomUUID: () => {
      const bytes = new Uint8Array(16)
      fill(bytes)
      return toUuid(bytes)
    },
    getRandomValues: (array) => {
      if (array !== null) fill(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
      return array
    }
  }
  return WebCrypto.layer(source)
}
