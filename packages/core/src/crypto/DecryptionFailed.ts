import { Schema } from "effect"

/** The token cannot be decrypted; `problem` says why. */
export class DecryptionFailed extends Schema.TaggedError<DecryptionFailed>()("DecryptionFailed", {
  problem: Schema.String
}) {
  override get message(): string {
    return `The token cannot be decrypted: ${this.problem}`
  }
}
