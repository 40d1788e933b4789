/**
 * Why an approval has no result.
 *
 * **When to use**
 *
 * To decide what a caller of `Approvals` is answered. Each error names the key, and says what to do.
 *
 * **Example** (What an end-user's refusal permits)
 *
 * ```ts
 * import { ApprovalError } from "@effect-ciba/durable"
 *
 * const error = new ApprovalError.ApprovalFailed({
 *   key: "transfer-17",
 *   outcome: "Refused",
 *   reason: "AccessDenied",
 *   problem: "the end-user refused",
 *   canAskAgain: false,
 *   needsOperator: false
 * })
 *
 * error.message // => "the approval transfer-17 has no result: the end-user refused"
 * ```
 *
 * @see CIBA Core 1.0 section 11
 */
import { Schema } from "effect"

/**
 * A key that names no approval: it has 1 to 255 characters, none of them a control character.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class InvalidApprovalKey extends Schema.TaggedError<InvalidApprovalKey>()("InvalidApprovalKey", {
  problem: Schema.String
}) {
  override get message(): string {
    return `the key of an approval has 1 to 255 characters, and no control characters: ${this.problem}`
  }
}

/**
 * No approval was started with the key, or it was purged.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class ApprovalNotFound extends Schema.TaggedError<ApprovalNotFound>()("ApprovalNotFound", {
  key: Schema.String
}) {
  override get message(): string {
    return `there is no approval ${this.key}: none was started with this key, or its retention is over`
  }
}

/**
 * Another request was started with the key. Nothing was sent.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class ApprovalConflict extends Schema.TaggedError<ApprovalConflict>()("ApprovalConflict", {
  key: Schema.String
}) {
  override get message(): string {
    return `the approval ${this.key} was started with another request: a key is for one request, repeated as it was`
  }
}

/**
 * The approval was to be started within a transaction. Nothing was sent: the transaction could undo the row of an approval that the
 * end-user is asked for. Start it before the transaction, or when it is committed.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class ApprovalInTransaction extends Schema.TaggedError<ApprovalInTransaction>()("ApprovalInTransaction", {
  key: Schema.String
}) {
  override get message(): string {
    return `the approval ${this.key} cannot be started within a transaction, which could undo its row while the end-user is asked: start it before, or when it is committed`
  }
}

/**
 * The request was begun, and its acknowledgement is lost with the process or the response that had it. The end-user may have been
 * asked. It is not sent again.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class AcknowledgementLost extends Schema.TaggedError<AcknowledgementLost>()("AcknowledgementLost", {
  key: Schema.String
}) {
  override get message(): string {
    return `the acknowledgement of the approval ${this.key} is lost: the end-user may have been asked. Check with them before you start another one, with another key`
  }
}

/**
 * The request was not sent, or not acknowledged: what `Approvals.start` fails with, as a workflow stores it.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class ApprovalNotStarted extends Schema.TaggedError<ApprovalNotStarted>()("ApprovalNotStarted", {
  key: Schema.String,
  /** The `_tag` of the reason of the error: `UnknownUserId`, for one. */
  reason: Schema.String,
  problem: Schema.String,
  /** Whether a new request may go to the end-user. */
  canAskAgain: Schema.Boolean,
  /** Whether an operator or a developer has to change something first. */
  needsOperator: Schema.Boolean
}) {
  override get message(): string {
    return `the approval ${this.key} was not started: ${this.problem}`
  }
}

/**
 * The approval ended without tokens.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class ApprovalFailed extends Schema.TaggedError<ApprovalFailed>()("ApprovalFailed", {
  key: Schema.String,
  /** How the wait ended: `Refused`, `Expired`, `Unknown`, `Rejected`, `Cancelled`. */
  outcome: Schema.String,
  /** The `_tag` of the reason of the error that ended it: `AccessDenied`, for one. */
  reason: Schema.optionalKey(Schema.String),
  problem: Schema.String,
  /** Whether a new request may go to the end-user. */
  canAskAgain: Schema.Boolean,
  /** Whether an operator or a developer has to change something first. */
  needsOperator: Schema.Boolean
}) {
  override get message(): string {
    return `the approval ${this.key} has no result: ${this.problem}`
  }
}
