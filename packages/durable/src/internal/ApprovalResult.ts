/**
 * The result of an approval as JSON: who approved, and the token response.
 *
 * @see CIBA Core 1.0 section 10.1.1
 */
import type { VerifiedIdentity } from "@effect-ciba/core/VerifiedIdentity"
import { DateTime, Effect, Redacted, Schema } from "effect"

const record = Schema.Record(Schema.String, Schema.Unknown)

const TokenResponse = Schema.StructWithRest(
  Schema.Struct({
    access_token: Schema.String,
    token_type: Schema.String,
    id_token: Schema.String,
    scope: Schema.String,
    /** Seconds from the answer on. */
    expires_in: Schema.optionalKey(Schema.Int),
    refresh_token: Schema.optionalKey(Schema.String),
    authorization_details: Schema.optionalKey(Schema.Array(Schema.Unknown)),
    grant_id: Schema.optionalKey(Schema.String)
  }),
  [record]
)

/** The token response is `Redacted` in the generated client. */
export class ApprovalResult extends Schema.Opaque<ApprovalResult>()(
  Schema.Struct({
    issuer: Schema.String,
    subject: Schema.String,
    claims: record,
    token_response: Schema.RedactedFromValue(TokenResponse)
  })
) {}

export const make = (identity: VerifiedIdentity): Effect.Effect<ApprovalResult> =>
  Effect.map(DateTime.now, (now) => ({
    issuer: identity.issuer,
    subject: identity.subject,
    claims: identity.claims,
    token_response: Redacted.make({
      ...Redacted.value(identity.additional),
      access_token: Redacted.value(identity.accessToken),
      token_type: identity.tokenType,
      id_token: Redacted.value(identity.idToken),
      scope: identity.scope.join(" "),
      ...(identity.expiresAt && { expires_in: secondsUntil(now, identity.expiresAt) }),
      ...(identity.refreshToken && { refresh_token: Redacted.value(identity.refreshToken) }),
      ...(identity.authorizationDetails && { authorization_details: identity.authorizationDetails }),
      ...(identity.grantId !== undefined && { grant_id: identity.grantId })
    })
  }))

const secondsUntil = (now: DateTime.Utc, end: DateTime.Utc): number =>
  Math.max(0, Math.floor((DateTime.toEpochMillis(end) - DateTime.toEpochMillis(now)) / 1000))
