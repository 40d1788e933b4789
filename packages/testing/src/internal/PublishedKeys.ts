/** The keys that the provider signs ID Tokens with, made when the layer is, and the set it publishes. */

import type { JsonWebKey } from "@effect-ciba/core/JsonWebKey"
import * as JwsAlgorithm from "@effect-ciba/core/JwsAlgorithm"
import * as SigningKey from "@effect-ciba/core/SigningKey"
import { Effect, Redacted } from "effect"
import type { TestClient } from "../TestClient.ts"
import * as TestKeys from "../TestKeys.ts"
import type { Settings } from "./Settings.ts"

export interface PublishedKeys {
  /** The key for a client's ID Tokens. */
  readonly signing: (client: TestClient) => SigningKey.SigningKey
  /** The key by which the provider knows its own ID Tokens again. */
  readonly verification: (client: TestClient) => JsonWebKey | Redacted.Redacted<string>
  readonly document: () => { readonly keys: ReadonlyArray<JsonWebKey> }
  /** Replaces every key by a new one. */
  readonly rotate: Effect.Effect<void>
}

export const make = Effect.fnUntraced(function* (settings: Settings): Effect.fn.Return<PublishedKeys> {
  const asymmetric = [
    ...new Set([...settings.clients.values()].map((client) => client.idTokenSignedResponseAlg))
  ].filter((algorithm) => !isSymmetric(algorithm))
  const generation = (name: string) => Effect.forEach(asymmetric, (algorithm) => TestKeys.signing(algorithm, name))
  let keys = yield* generation("provider")
  let rotations = 0

  const own = (client: TestClient): SigningKey.SigningKey => {
    const algorithm = client.idTokenSignedResponseAlg
    const published = keys.find((key) => key.algorithm === algorithm)
    return published ?? SigningKey.fromSecret(secretOf(client), isSymmetric(algorithm) ? algorithm : "HS256")
  }

  return {
    signing: (client) => {
      const key = settings.idTokenKey ?? own(client)
      const keyId = settings.idTokenHeaderKeyId === undefined ? key.keyId : (settings.idTokenHeaderKeyId ?? undefined)
      return new SigningKey.SigningKey({ algorithm: key.algorithm, keyId, material: Redacted.value(key.material) })
    },
    verification: (client) =>
      keys.find((key) => key.algorithm === client.idTokenSignedResponseAlg)?.publicJwk ?? secretOf(client),
    document: () => ({ keys: keys.map((key) => key.publicJwk) }),
    rotate: Effect.suspend(() => {
      rotations += 1
      return Effect.map(generation(`provider, rotation ${rotations}`), (made) => {
        keys = made
      })
    })
  }
})

const isSymmetric = JwsAlgorithm.isSymmetric

/** A client without a secret shares the empty one, with which nothing can be signed. */
const secretOf = ({ authentication }: TestClient): Redacted.Redacted<string> =>
  "secret" in authentication ? authentication.secret : Redacted.make("")
