/**
 * A request that the provider has taken and the person has not answered yet: everything that waiting and believing need,
 * here, after a restart, or on another machine.
 *
 * **Gotchas**
 *
 * - It holds bearer secrets. They are `Redacted`, and the plain JSON codec refuses to encode them.
 *
 * @see CIBA Core 1.0 sections 7.3 and 7.4
 */
import { Schema } from "effect"
import { DeliveryMode } from "../client/DeliveryMode.ts"
import { JsonWebKey } from "../crypto/JsonWebKey.ts"

/** Schema of an authentication request id: the provider's handle, opaque, for one redemption. */
export const AuthReqId: Schema.brand<Schema.NonEmptyString, "AuthReqId"> = Schema.NonEmptyString.pipe(
  Schema.brand("AuthReqId")
)

/** An authentication request id. */
export type AuthReqId = typeof AuthReqId.Type

/** Schema of what the ID Token has to show beyond what every ID Token has to. */
export const Expectations: Schema.Struct<{
  readonly nonce: Schema.optionalKey<Schema.String>
  readonly maxAge: Schema.optionalKey<Schema.Duration>
  readonly acrValues: Schema.optionalKey<Schema.$Array<Schema.String>>
  readonly subject: Schema.optionalKey<Schema.String>
}> = Schema.Struct({
  nonce: Schema.optionalKey(Schema.String),
  maxAge: Schema.optionalKey(Schema.Duration),
  acrValues: Schema.optionalKey(Schema.Array(Schema.String)),
  subject: Schema.optionalKey(Schema.String)
})

/** What the ID Token has to show beyond what every ID Token has to. */
export type Expectations = typeof Expectations.Type

const secret = <S extends Schema.Top>(schema: S, label: string): Schema.Redacted<S> =>
  Schema.Redacted(schema, { label, disallowJsonEncode: true })

/** A pending authentication. */
export class PendingAuthentication extends Schema.Class<PendingAuthentication>(
  "@effect-ciba/core/request/PendingAuthentication"
)({
  version: Schema.Literal(1),
  issuer: Schema.String,
  clientId: Schema.String,
  authReqId: secret(AuthReqId, "auth_req_id"),
  deliveryMode: DeliveryMode,
  clientNotificationToken: Schema.optionalKey(secret(Schema.String, "client_notification_token")),
  /** The private key of the DPoP proofs, where it can be kept: the tokens will be bound to it. */
  proofKey: Schema.optionalKey(secret(JsonWebKey, "private JWK")),
  /** Counted from the moment of sending, on the client's clock. */
  expiresAt: Schema.DateTimeUtc,
  /** The least time between two polls. */
  interval: Schema.Duration,
  scope: Schema.Array(Schema.String),
  bindingMessage: Schema.optionalKey(Schema.String),
  expectations: Expectations
}) {}
