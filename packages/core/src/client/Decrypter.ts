/**
 * Decrypts ID Tokens and signed responses. `IdTokenDecryption.layer` provides it; this reference keeps that code out of programs
 * without encryption. A layer of your own can decrypt with a key in hardware or behind a service.
 */
import { Context, Effect, type Redacted } from "effect"
import type { DecryptionFailed, NotEncrypted } from "../crypto/DecryptionFailed.ts"

/**
 * Decrypts a token.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Decrypter {
  /** The registered `id_token_encrypted_response_alg`, if it is known: it is compared with the provider's before a request. */
  readonly keyAlgorithm?: string | undefined
  /** The same for `id_token_encrypted_response_enc`. */
  readonly contentAlgorithm?: string | undefined
  readonly decrypt: (
    idToken: Redacted.Redacted<string>
  ) => Effect.Effect<Redacted.Redacted<string>, NotEncrypted | DecryptionFailed>
}

/**
 * The decrypter of the client. By default tokens are not encrypted, and are left as they are.
 *
 * @since 0.1.0
 * @stability stable
 */
export const Decrypter: Context.Reference<Decrypter> = Context.Reference("@effect-ciba/core/Decrypter", {
  defaultValue: (): Decrypter => ({ decrypt: Effect.succeed })
})
