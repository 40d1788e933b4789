/**
 * Why an introspection response is not accepted: one reason for each check. Nothing of such a response is handed out.
 *
 * @see RFC 7662 section 2.2, RFC 9701 section 5
 */
import { Schema } from "effect"
import * as ErrorClass from "../internal/ErrorClass.ts"
import * as SignatureVerifier from "../provider/SignatureVerifier.ts"

const define = ErrorClass.fromTable({
  InvalidIntrospection: ["the response is not valid", "reportToProvider"],
  NotSigned: ["the response is not signed, and the client is registered for signed ones", "fixKeys"],
  UnexpectedValue: ["a member of the response has another value than the only valid one", "distrust"]
})

/** A required member is missing, or a member has the wrong type. */
export class InvalidIntrospection extends define<InvalidIntrospection>()("InvalidIntrospection", {
  issues: Schema.String
}) {}

/** The response came unsigned, and the client is registered for signed ones. */
export class NotSigned extends define<NotSigned>()("NotSigned", { expected: Schema.String }) {}

/** A member has another value than the only valid one. */
export class UnexpectedValue extends define<UnexpectedValue>()("UnexpectedValue", {
  member: Schema.Literals(["typ", "iss", "aud", "token_type"]),
  expected: Schema.String,
  /** Cut at 200 characters. */
  actual: Schema.String
}) {}

/**
 * An introspection response is not accepted.
 *
 * @since 0.1.0
 * @stability stable
 */
export class IntrospectionError extends ErrorClass.make<IntrospectionError>()(
  "IntrospectionError",
  {
    reason: Schema.Union([InvalidIntrospection, NotSigned, ...SignatureVerifier.errors, UnexpectedValue])
  },
  ["the introspection response is not accepted", "distrust"]
) {}
