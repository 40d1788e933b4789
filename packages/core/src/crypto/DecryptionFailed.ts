import { Schema } from "effect"
import * as ErrorClass from "../internal/ErrorClass.ts"

/** The token cannot be decrypted; `problem` says why. */
export class DecryptionFailed extends ErrorClass.make<DecryptionFailed>()(
  "DecryptionFailed",
  { problem: Schema.String },
  ["the token cannot be decrypted", "fixKeys"]
) {}

/** The token came unencrypted, and the client is registered for encryption. */
export class NotEncrypted extends ErrorClass.make<NotEncrypted>()("NotEncrypted", {}, [
  "the token is not encrypted, and the client is registered for encrypted ones",
  "fixKeys"
]) {}
