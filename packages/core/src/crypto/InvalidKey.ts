import { Schema } from "effect"

/** A key cannot be used; `problem` says why and what to do. */
export class InvalidKey extends Schema.TaggedError<InvalidKey>()("InvalidKey", {
  problem: Schema.String
}) {
  override get message(): string {
    return `The key cannot be used: ${this.problem}`
  }
}
