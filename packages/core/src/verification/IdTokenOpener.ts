/**
 * Who opens encrypted ID Tokens: nobody, unless a layer says so. `IdTokenDecryption.layer` does; this file keeps it out of
 * programs whose tokens come signed alone.
 */
import { Context, type Effect, type Redacted } from "effect"
import type { IdTokenError } from "./IdTokenError.ts"

/** Opens an ID Token. */
export interface IdTokenOpener {
  readonly open: (idToken: Redacted.Redacted<string>) => Effect.Effect<Redacted.Redacted<string>, IdTokenError>
}

/** The opener at hand. */
export const IdTokenOpener: Context.Reference<IdTokenOpener | undefined> = Context.Reference(
  "@effect-ciba/core/verification/IdTokenOpener",
  { defaultValue: (): IdTokenOpener | undefined => undefined }
)
