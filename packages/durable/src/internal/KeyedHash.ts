/** Hashes of secrets by which rows are found again. They are keyed: who reads the tables cannot try secrets out. */
import type * as Sealing from "@effect-ciba/core/Sealing"
import { Effect, Layer, Redacted } from "effect"
import { Mac, SecureRandom } from "effect/crypto"
import { Base64Url } from "effect/encoding"

export interface KeyedHash {
  /** By the first of the keys. */
  readonly hash: (secret: Redacted.Redacted<string>) => Effect.Effect<string>
  /** By each of the keys: a row may have been written before a rotation. */
  readonly hashByAll: (secret: Redacted.Redacted<string>) => Effect.Effect<ReadonlyArray<string>>
}

/** Hashes for one purpose: the same secret has another one for another purpose. */
export const make = (keys: Sealing.Keys, purpose: string): Effect.Effect<KeyedHash> =>
  Effect.map(Mac.Mac, (mac) => {
    const hashBy =
      (secret: Redacted.Redacted<string>) =>
      ({ material }: Sealing.SealingKey): Effect.Effect<string> =>
        Mac.key(Mac.hmacSha256, Redacted.value(material)).pipe(
          Effect.flatMap((key) => mac.sign(key, new TextEncoder().encode(`${purpose} ${Redacted.value(secret)}`))),
          Effect.map(Base64Url.encode),
          Effect.orDie
        )
    return {
      hash: (secret: Redacted.Redacted<string>) => hashBy(secret)(keys[0]),
      hashByAll: (secret: Redacted.Redacted<string>) => Effect.forEach(keys, hashBy(secret))
    }
  }).pipe(Effect.provide(layerHmac()))

/** HMAC over WebCrypto, shared between clients: it holds no key. */
const layerHmac = (): Layer.Layer<Mac.Mac> => Layer.provide(Mac.layerWebCrypto, SecureRandom.layerWebCrypto)
