import { Schema } from "effect"

/** The token cannot be decrypted; `problem` says why. */
export class DecryptionFailed extends Schema.TaggedError<DecryptionFailed>()("DecryptionFailed", {
  problem: Schema.String
}) {
  override get message(): string {
    return `The token cannot be decrypted: ${this.problem}`
  }
}

/** The token is not encrypted, although the client is registered for encryption. */
export class NotEncrypted extends Schema.TaggedError<NotEncrypted>()("NotEncrypted", {}) {
  override get message(): string {
    return "it is not encrypted, as it was registered to be"
  }
}
