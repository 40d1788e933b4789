import { Schema } from "effect"

/** An option of a layer has a value that cannot be used; `problem` says which values can. */
export class InvalidOption extends Schema.TaggedError<InvalidOption>()("InvalidOption", {
  option: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `The option ${this.option} cannot be used: ${this.problem}`
  }
}
