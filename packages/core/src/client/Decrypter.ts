/**
 * Who opens encrypted ID Tokens: nobody, unless a layer says so. `IdTokenDecryption.layer` does; this file keeps it out of
 * programs whose tokens come signed alone, and is the place for a key that lives elsewhere, in hardware or behind a service.
 */
import { Context, Effect, type Redacted } from "effect"
import type { DecryptionFailed, NotEncrypted } from "../crypto/DecryptionFailed.ts"

/** Opens an ID Token. */
export interface Decrypter {
  readonly decrypt: (
    idToken: Redacted.Redacted<string>
  ) => Effect.Effect<Redacted.Redacted<string>, NotEncrypted | DecryptionFailed>
}

/** The opener at hand. */
export const Decrypter: Context.Reference<Decrypter> = Context.Reference("@effect-ciba/core/Decrypter", {
  defaultValue: (): Decrypter => ({ decrypt: Effect.succeed })
})
