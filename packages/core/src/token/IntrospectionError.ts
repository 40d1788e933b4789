/**
 * Why an introspection answer is not believed: one reason per check. Nothing of such an answer is handed out.
 *
 * @see RFC 7662 section 2.2, RFC 9701 section 5
 */
import { Schema } from "effect"
import { toSingleLine } from "../internal/DisplayText.ts"
import * as SignatureVerifier from "../provider/SignatureVerifier.ts"

/** A member that every such answer has is missing, or one has the wrong type. */
export class InvalidIntrospection extends Schema.TaggedError<InvalidIntrospection>()("InvalidIntrospection", {
  issues: Schema.String
}) {
  override get message(): string {
    return `it is not valid: ${toSingleLine(this.issues)}`
  }
}

/** The answer came unsigned, and a signature was agreed on. */
export class NotSigned extends Schema.TaggedError<NotSigned>()("NotSigned", { expected: Schema.String }) {
  override get message(): string {
    return `it is not a signed one; the client is registered for ${this.expected}`
  }
}

/** A member has another value than the one that alone can be right. */
export class UnexpectedValue extends Schema.TaggedError<UnexpectedValue>()("UnexpectedValue", {
  member: Schema.Literals(["typ", "iss", "aud", "token_type"]),
  expected: Schema.String,
  /** Cut at 200 characters. */
  actual: Schema.String
}) {
  override get message(): string {
    return `its ${this.member} is "${this.actual}", and not ${this.expected}`
  }
}

/** An introspection answer that is not believed. */
export class IntrospectionError extends Schema.TaggedError<IntrospectionError>()("IntrospectionError", {
  reason: Schema.Union([InvalidIntrospection, NotSigned, ...SignatureVerifier.errors, UnexpectedValue])
}) {
  override get message(): string {
    return `Introspection answer: ${this.reason.message}`
  }
}
