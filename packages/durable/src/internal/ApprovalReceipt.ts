/** A receipt as JSON: what is not known of an approval is absent. */
import { Schema } from "effect"
import type { Receipt } from "../Approvals.ts"

const text = Schema.optionalKey(Schema.String)

const instant = Schema.optionalKey(Schema.DateTimeUtcFromString)

const names = {
  startedAt: "started_at",
  expiresAt: "expires_at",
  decidedAt: "decided_at",
  authReqIdHash: "auth_req_id_hash"
} as const

export const ApprovalReceipt: Schema.Codec<Receipt, Schema.Json> = Schema.toCodecJson(
  Schema.Struct({
    key: Schema.String,
    id: text,
    status: Schema.Literals([
      "Starting",
      "Pending",
      "Verified",
      "Refused",
      "Expired",
      "Unknown",
      "Rejected",
      "Cancelled"
    ]),
    startedAt: Schema.DateTimeUtcFromString,
    expiresAt: instant,
    decidedAt: instant,
    subject: text,
    acr: text,
    authReqIdHash: text
  }).pipe(Schema.encodeKeys(names))
)
