/** The keys that the provider signs ID Tokens with, one for each algorithm, and the JWK Set of their public halves. */
import type { JsonWebKey } from "@effect-ciba/core/JsonWebKey"
import * as JwsAlgorithm from "@effect-ciba/core/JwsAlgorithm"
import * as SigningKey from "@effect-ciba/core/SigningKey"
import { Effect, Redacted } from "effect"
import type { TestClient } from "../TestClient.ts"
import * as TestKeys from "../TestKeys.ts"
import type { Settings } from "./Settings.ts"

export interface PublishedKeys {
  /** The key that signs a client's ID Tokens. */
  readonly signingKey: (client: TestClient) => SigningKey.SigningKey
  /** The key that verifies a client's ID Tokens when they return as an `id_token_hint`. */
  readonly verificationKey: (client: TestClient) => JsonWebKey | Redacted.Redacted<string>
  readonly jwkSet: () => { readonly keys: ReadonlyArray<JsonWebKey> }
  /** Replaces every key by a new one. */
  readonly rotate: Effect.Effect<void>
}

export const make = Effect.fnUntraced(function* (settings: Settings): Effect.fn.Return<PublishedKeys> {
  const algorithms = [
    ...new Set([...settings.clients.values()].map((client) => client.idTokenSignedResponseAlg))
  ].filter((algorithm) => !isSymmetric(algorithm))
  const generate = (name: string) => Effect.forEach(algorithms, (algorithm) => TestKeys.signing(algorithm, name))
  let keys = yield* generate("provider")
  let rotations = 0

  const keyOf = (client: TestClient): SigningKey.SigningKey => {
    const algorithm = client.idTokenSignedResponseAlg
    const published = keys.find((key) => key.algorithm === algorithm)
    return published ?? SigningKey.fromSecret(secretOf(client), isSymmetric(algorithm) ? algorithm : "HS256")
  }

  return {
    signingKey: (client) => {
      const key = settings.idTokenKey ?? keyOf(client)
      const keyId = settings.idTokenHeaderKeyId === undefined ? key.keyId : (settings.idTokenHeaderKeyId ?? undefined)
      return new SigningKey.SigningKey({ algorithm: key.algorithm, keyId, material: Redacted.value(key.material) })
    },
    verificationKey: (client) =>
      keys.find((key) => key.algorithm === client.idTokenSignedResponseAlg)?.publicJwk ?? secretOf(client),
    jwkSet: () => ({ keys: keys.map((key) => key.publicJwk) }),
    rotate: Effect.suspend(() => {
      rotations += 1
      return Effect.map(generate(`provider, rotation ${rotations}`), (generated) => {
        keys = generated
      })
    })
  }
})

const isSymmetric = JwsAlgorithm.isSymmetric

/** A client without a secret has the empty one, with which nothing can be signed. */
const secretOf = ({ authentication }: TestClient): Redacted.Redacted<string> =>
  "secret" in authentication ? authentication.secret : Redacted.make("")
