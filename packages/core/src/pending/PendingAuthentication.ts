/**
 * A request that the provider has taken and the person has not answered yet: everything that waiting and believing need,
 * here, after a restart, or on another machine.
 *
 * **Gotchas**
 *
 * - It holds bearer secrets. They are `Redacted`, and the plain JSON codec refuses to encode them.
 *
 * **Example** (Out of one process, into another)
 *
 * ```ts
 * import { Ciba, PendingAuthentication, type Sealing } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const later = Effect.fnUntraced(function* (sealed: string, keys: Sealing.Keys) {
 *   return yield* Ciba.complete(yield* PendingAuthentication.open(sealed, keys))
 * })
 *
 * typeof later // => "function"
 * ```
 *
 * @see CIBA Core 1.0 sections 7.3 and 7.4
 */
import { Effect, Redacted, Schema, SchemaTransformation } from "effect"
import { DeliveryMode } from "../client/DeliveryMode.ts"
import { DecryptionFailed } from "../crypto/DecryptionFailed.ts"
import { JsonWebKey } from "../crypto/JsonWebKey.ts"
import * as Sealing from "../crypto/Sealing.ts"
import { TransportError } from "../http/TransportError.ts"

/** Schema of an authentication request id: the provider's handle, opaque, for one redemption. */
export const AuthReqId: Schema.brand<Schema.NonEmptyString, "AuthReqId"> = Schema.NonEmptyString.pipe(
  Schema.brand("AuthReqId")
)

/** An authentication request id. */
export type AuthReqId = typeof AuthReqId.Type

/** What the ID Token has to show beyond what every ID Token has to. */
export type Expectations = PendingAuthentication["expectations"]

const members = <Exposed extends boolean>(exposed: Exposed) => {
  const secret = <S extends Schema.Top>(schema: S, label: string): Schema.Redacted<S> =>
    Schema.Redacted(schema, { label, disallowJsonEncode: !exposed })
  return {
    version: Schema.Literal(1),
    /** A random name for logs, spans, events and stores: no secret, and unknown to the provider. */
    id: Schema.NonEmptyString,
    issuer: Schema.String,
    clientId: Schema.String,
    authReqId: secret(AuthReqId, "auth_req_id"),
    deliveryMode: DeliveryMode,
    clientNotificationToken: Schema.optionalKey(secret(Schema.String, "client_notification_token")),
    /** The private key of the DPoP proofs, where it can be kept: the tokens will be bound to it. */
    proofKey: Schema.optionalKey(secret(JsonWebKey, "private JWK")),
    /** Counted from the moment of sending, on the client's clock. */
    expiresAt: Schema.DateTimeUtc,
    /** The least time between two polls, as it is after every slow-down. */
    interval: Schema.Duration,
    /** No poll may be sent before. */
    nextPollAt: Schema.optionalKey(Schema.DateTimeUtc),
    /** A poll was sent whose answer never came: the id may be spent. */
    lost: Schema.optionalKey(TransportError),
    /** The provider's answer, where it came, and nobody has been given it yet. */
    received: Schema.optionalKey(
      Schema.Struct({ body: secret(Schema.Json, "token response"), at: Schema.DateTimeUtc })
    ),
    scope: Schema.Array(Schema.String),
    acrValues: Schema.optionalKey(Schema.Array(Schema.String)),
    bindingMessage: Schema.optionalKey(Schema.String),
    authorizationDetails: Schema.optionalKey(Schema.Array(Schema.Json)),
    expectations: Schema.Struct({
      nonce: Schema.optionalKey(secret(Schema.String, "nonce")),
      maxAge: Schema.optionalKey(Schema.Duration),
      acrValues: Schema.optionalKey(Schema.Array(Schema.String)),
      subject: Schema.optionalKey(secret(Schema.String, "subject"))
    })
  }
}

/** A pending authentication. */
export class PendingAuthentication extends Schema.Class<PendingAuthentication>(
  "@effect-ciba/core/PendingAuthentication"
)(members(false)) {}

/**
 * The same as JSON text, **with every secret in it**: for storage that is itself protected. `seal` is for all other
 * storage.
 */
export const unsafeJson: Schema.Codec<PendingAuthentication, string> = Schema.fromJsonString(
  Schema.toCodecJson(Schema.Struct(members(true)))
).pipe(
  Schema.decodeTo(
    Schema.toType(PendingAuthentication),
    SchemaTransformation.transform({
      decode: (fields) => new PendingAuthentication(fields),
      encode: (pending) => ({ ...pending })
    })
  )
)

/** The same with other values in some of its members. */
export const update = (
  pending: PendingAuthentication,
  changes: Partial<ConstructorParameters<typeof PendingAuthentication>[0]>
): PendingAuthentication => new PendingAuthentication({ ...pending, ...changes })

/** Seals a pending authentication with the first key. */
export const seal = (pending: PendingAuthentication, keys: Sealing.Keys): Effect.Effect<string> =>
  Effect.flatMap(Effect.orDie(encode(pending)), (text) => Sealing.seal(Redacted.make(text), keys))

/** Opens what one of the keys has sealed. */
export const open = (sealed: string, keys: Sealing.Keys): Effect.Effect<PendingAuthentication, DecryptionFailed> =>
  Effect.flatMap(Sealing.open(sealed, keys), (text) =>
    Effect.mapError(
      decode(Redacted.value(text)),
      () => new DecryptionFailed({ problem: "inside is no pending authentication of a version that is known here" })
    )
  )

const encode = /* @__PURE__ */ Schema.encodeEffect(unsafeJson)

const decode = /* @__PURE__ */ Schema.decodeEffect(unsafeJson)
