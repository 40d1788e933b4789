/**
 * ID Tokens that come encrypted to the client. With this layer every one has to be; inside is the signed token.
 *
 * **Example** (A client whose secret encrypts, and one with a key for it)
 *
 * ```ts
 * import { IdTokenDecryption } from "@effect-ciba/core"
 * import { Layer, Redacted } from "effect"
 *
 * const bySecret = IdTokenDecryption.layer({
 *   secret: Redacted.make("the client secret"),
 *   keyAlgorithm: "dir",
 *   contentAlgorithm: "A128CBC-HS256"
 * })
 *
 * const byKey = (jwk: Redacted.Redacted<unknown>) =>
 *   IdTokenDecryption.layer({ keys: [jwk], keyAlgorithm: "RSA-OAEP-256", contentAlgorithm: "A256GCM" })
 *
 * Layer.isLayer(bySecret) // => true
 * Layer.isLayer(byKey(Redacted.make({}))) // => true
 * ```
 *
 * @see OpenID Connect Core 3.1.3.7 and 10.2
 */
import { Effect, Layer, type Redacted } from "effect"
import { Decrypter } from "../client/Decrypter.ts"
import { NotEncrypted } from "../crypto/DecryptionFailed.ts"
import type { InvalidKey } from "../crypto/InvalidKey.ts"
import * as JsonWebEncryption from "../crypto/JsonWebEncryption.ts"

export { Decrypter } from "../client/Decrypter.ts"
export type { ContentAlgorithm, PrivateKeyAlgorithm, SecretAlgorithm } from "../crypto/JsonWebEncryption.ts"

/** What was registered for a client that holds private keys. */
export interface KeyOptions {
  /** The private keys as JWKs, the newest first; old ones stay as long as tokens may be under way. */
  readonly keys: ReadonlyArray<Redacted.Redacted<unknown>>
  /** The registered `id_token_encrypted_response_alg`. */
  readonly keyAlgorithm: JsonWebEncryption.PrivateKeyAlgorithm
  /** The registered `id_token_encrypted_response_enc`; `A128CBC-HS256` by default, as the specification has it. */
  readonly contentAlgorithm?: JsonWebEncryption.ContentAlgorithm | undefined
  readonly secret?: undefined
}

/** What was registered for a client that shares a secret with the provider. */
export interface SecretOptions {
  /** The client secret: a hash of it is the key. */
  readonly secret: Redacted.Redacted<string>
  /** The registered `id_token_encrypted_response_alg`. */
  readonly keyAlgorithm: JsonWebEncryption.SecretAlgorithm
  /** The registered `id_token_encrypted_response_enc`; `A128CBC-HS256` by default, as the specification has it. */
  readonly contentAlgorithm?: JsonWebEncryption.ContentAlgorithm | undefined
}

/** What was registered. */
export type Options = KeyOptions | SecretOptions

/** Opens with these keys. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Decrypter, InvalidKey> {
  const contentAlgorithm = options.contentAlgorithm ?? "A128CBC-HS256"
  const keys =
    options.secret === undefined
      ? yield* Effect.forEach(options.keys, (jwk) => JsonWebEncryption.keyFromJwk(jwk, options.keyAlgorithm))
      : [yield* JsonWebEncryption.keyFromSecret(options.secret, options.keyAlgorithm, contentAlgorithm)]
  return {
    decrypt: (idToken) =>
      JsonWebEncryption.isEncrypted(idToken)
        ? JsonWebEncryption.decrypt(idToken, { keys, contentAlgorithm })
        : Effect.fail(new NotEncrypted())
  }
})

/** Every ID Token encrypted. */
export const layer = (options: Options): Layer.Layer<never, InvalidKey> => Layer.effect(Decrypter, make(options))
