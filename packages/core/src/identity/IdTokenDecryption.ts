/**
 * Decryption of ID Tokens that the provider encrypts to the client, with its public key or with the client secret.
 *
 * **When to use**
 *
 * - If the client is registered with `id_token_encrypted_response_alg`. With this layer every ID Token has to be
 *   encrypted; inside is the signed token, which is verified as ever.
 * - For a key that is not in the process (in hardware, behind a service), provide `Decrypter` instead.
 *
 * **Details**
 *
 * - If the provider lists other algorithms for ID Tokens, no authentication request is sent: its result could not be read.
 * - UserInfo and introspection responses may be encrypted with the same keys and algorithms, and do not have to be.
 *
 * **Example** (Decryption with the client secret, and with private keys)
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

/**
 * @since 0.1.0
 * @stability stable
 */
export { Decrypter } from "../client/Decrypter.ts"
/**
 * @since 0.1.0
 * @stability stable
 */
export { DecryptionFailed, NotEncrypted } from "../crypto/DecryptionFailed.ts"
/**
 * @since 0.1.0
 * @stability stable
 */
export type { ContentAlgorithm, PrivateKeyAlgorithm, SecretAlgorithm } from "../crypto/JsonWebEncryption.ts"

/**
 * The registration of a client that decrypts with private keys.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface KeyOptions {
  /** The private keys as JWKs, the newest first. Keep an old one as long as the provider may use it. */
  readonly keys: ReadonlyArray<Redacted.Redacted<unknown>>
  /** The registered `id_token_encrypted_response_alg`. */
  readonly keyAlgorithm: JsonWebEncryption.PrivateKeyAlgorithm
  /** The registered `id_token_encrypted_response_enc`; `A128CBC-HS256` by default (Dynamic Client Registration 2). */
  readonly contentAlgorithm?: JsonWebEncryption.ContentAlgorithm | undefined
  readonly secret?: undefined
}

/**
 * The registration of a client that decrypts with the client secret.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface SecretOptions {
  /** The client secret; the key is derived from its hash (OpenID Connect Core 10.2). */
  readonly secret: Redacted.Redacted<string>
  /** The registered `id_token_encrypted_response_alg`. */
  readonly keyAlgorithm: JsonWebEncryption.SecretAlgorithm
  /** The registered `id_token_encrypted_response_enc`; `A128CBC-HS256` by default (Dynamic Client Registration 2). */
  readonly contentAlgorithm?: JsonWebEncryption.ContentAlgorithm | undefined
}

/**
 * What the client is registered with.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Options = KeyOptions | SecretOptions

/**
 * A decrypter with these keys.
 *
 * @since 0.1.0
 * @stability stable
 */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Decrypter, InvalidKey> {
  const contentAlgorithm = options.contentAlgorithm ?? "A128CBC-HS256"
  const keys =
    options.secret === undefined
      ? yield* Effect.forEach(options.keys, (jwk) => JsonWebEncryption.keyFromJwk(jwk, options.keyAlgorithm))
      : [yield* JsonWebEncryption.keyFromSecret(options.secret, options.keyAlgorithm, contentAlgorithm)]
  return {
    keyAlgorithm: options.keyAlgorithm,
    contentAlgorithm,
    decrypt: (idToken) =>
      JsonWebEncryption.isEncrypted(idToken)
        ? JsonWebEncryption.decrypt(idToken, { keys, contentAlgorithm })
        : Effect.fail(new NotEncrypted())
  }
})

/**
 * Decrypts every ID Token; fails with `NotEncrypted` for one that is not encrypted.
 *
 * @since 0.1.0
 * @stability stable
 */
export const layer = (options: Options): Layer.Layer<never, InvalidKey> => Layer.effect(Decrypter, make(options))
