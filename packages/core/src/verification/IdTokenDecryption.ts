/**
 * ID Tokens that come encrypted to the client. With this layer every one has to be; inside is the signed token.
 *
 * @see OpenID Connect Core 3.1.3.7 and 10.2
 */
import { Effect, Layer, type Redacted } from "effect"
import * as JsonWebEncryption from "../crypto/JsonWebEncryption.ts"
import type { InvalidKey } from "../crypto/SigningKey.ts"
import { NotEncrypted } from "./IdTokenError.ts"
import { IdTokenOpener } from "./IdTokenOpener.ts"

/** What was registered. */
export interface Options {
  /** The private keys as JWKs, the newest first; old ones stay as long as tokens may be under way. */
  readonly keys: ReadonlyArray<Redacted.Redacted<unknown>>
  /** The registered `id_token_encrypted_response_alg`. */
  readonly keyAlgorithm: JsonWebEncryption.KeyAlgorithm
  /** The registered `id_token_encrypted_response_enc`; `A128CBC-HS256` by default, as the specification has it. */
  readonly contentAlgorithm?: JsonWebEncryption.ContentAlgorithm | undefined
}

/** Opens with these keys. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<IdTokenOpener, InvalidKey> {
  const keys = yield* Effect.forEach(options.keys, (jwk) => JsonWebEncryption.keyFromJwk(jwk, options.keyAlgorithm))
  const contentAlgorithm = options.contentAlgorithm ?? "A128CBC-HS256"
  return {
    open: (idToken) =>
      JsonWebEncryption.isEncrypted(idToken)
        ? JsonWebEncryption.decrypt(idToken, { keys, contentAlgorithm })
        : Effect.fail(new NotEncrypted())
  }
})

/** Every ID Token encrypted. */
export const layer = (options: Options): Layer.Layer<never, InvalidKey> => Layer.effect(IdTokenOpener, make(options))
