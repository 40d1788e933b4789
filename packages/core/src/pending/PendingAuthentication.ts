/**
 * An authentication request that the provider has acknowledged and the end-user has not answered yet: what the wait and
 * the verification of the tokens need, in this process, after a restart, or on another machine.
 *
 * **When to use**
 *
 * `Ciba.initiate` returns one and `Ciba.complete` takes it. Between the two it may be stored: in a `PendingStore`, or by
 * your own code as what `seal` returns.
 *
 * **Details**
 *
 * - `id` is random and no secret: the library draws a UUID. Use it in logs and as the name of a stored entry; it is unknown to the provider.
 * - `seal` encrypts with the first of the keys, `open` decrypts with any of them.
 *
 * **Gotchas**
 *
 * - It holds bearer secrets. They are `Redacted`, and the plain JSON codec refuses to encode them.
 * - The hint and the user code are not stored. An error of the provider that quotes them shows them, if it comes to another
 *   process than that which sent the request.
 *
 * **Example** (From one process to another)
 *
 * ```ts
 * import { PendingAuthentication, Sealing } from "@effect-ciba/core"
 * import { DateTime, Duration, Effect, Redacted } from "effect"
 *
 * const pending = PendingAuthentication.PendingAuthentication.make({
 *   version: 1,
 *   id: "k2yXc0wZ3qLr8vTn",
 *   issuer: "https://op.example.com",
 *   clientId: "bank-app",
 *   authReqId: Redacted.make(PendingAuthentication.AuthReqId.make("1c266114"), { label: "auth_req_id" }),
 *   deliveryMode: "poll",
 *   expiresAt: DateTime.makeUnsafe("2030-01-01T00:02:00Z"),
 *   interval: Duration.seconds(5),
 *   scope: ["openid"],
 *   expectations: {}
 * })
 *
 * const roundTrip = Effect.gen(function* () {
 *   const keys = [yield* Sealing.generate("2030-01")] as const
 *   const sealed = yield* PendingAuthentication.seal(pending, keys)
 *   return yield* PendingAuthentication.open(sealed, keys)
 * })
 *
 * const { id } = await Effect.runPromise(roundTrip)
 * id // => "k2yXc0wZ3qLr8vTn"
 * ```
 *
 * @see CIBA Core 1.0 sections 7.3 and 7.4
 */
import { type Effect, Schema, SchemaTransformation } from "effect"
import { DeliveryMode } from "../client/DeliveryMode.ts"
import type { DecryptionFailed } from "../crypto/DecryptionFailed.ts"
import { JsonWebKey } from "../crypto/JsonWebKey.ts"
import * as SealedJson from "../crypto/SealedJson.ts"
import type * as Sealing from "../crypto/Sealing.ts"
import { WaitProgress } from "./WaitProgress.ts"

/**
 * Schema of an `auth_req_id`: an opaque handle of the provider's, which can be redeemed once. It has 8,192 characters at most.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const AuthReqId: Schema.brand<Schema.NonEmptyString, "AuthReqId"> = Schema.NonEmptyString.check(
  Schema.isMaxLength(8192)
).pipe(Schema.brand("AuthReqId"))

/**
 * An `auth_req_id`.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type AuthReqId = typeof AuthReqId.Type

/**
 * What the ID Token must contain because of the request: beyond what every ID Token must.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Expectations = PendingAuthentication["expectations"]

const members = <Exposed extends boolean>(exposed: Exposed) => {
  const secret = <S extends Schema.Top>(schema: S, label: string): Schema.Redacted<S> =>
    Schema.Redacted(schema, { label, disallowJsonEncode: !exposed })
  return {
    version: Schema.Literal(1),
    /** A random identifier for logs, spans, events and stores: the library draws a UUID. No secret, and unknown to the provider. */
    id: Schema.NonEmptyString,
    issuer: Schema.String,
    clientId: Schema.String,
    authReqId: secret(AuthReqId, "auth_req_id"),
    deliveryMode: DeliveryMode,
    clientNotificationToken: Schema.optionalKey(secret(Schema.String, "client_notification_token")),
    /** The private key of the DPoP proofs, if it is extractable: the tokens will be bound to it. */
    dpopKey: Schema.optionalKey(secret(JsonWebKey, "private JWK")),
    /** When the authentication request was sent, on the client's clock: no ID Token of its approval is older. Not compared if absent. */
    requestedAt: Schema.optionalKey(Schema.DateTimeUtc),
    /** When `auth_req_id` expires, counted on the client's clock from when the request was sent. */
    expiresAt: Schema.DateTimeUtc,
    /** The minimum time between two polls, by the acknowledgement. */
    interval: Schema.Duration,
    /** The progress of the wait; absent before it is stored for the first time. */
    wait: Schema.optionalKey(WaitProgress),
    /** A token response that was received and has not been returned to a caller yet. */
    received: Schema.optionalKey(
      Schema.Struct({ body: secret(Schema.Json, "token response"), at: Schema.DateTimeUtc })
    ),
    scope: Schema.Array(Schema.String),
    acrValues: Schema.optionalKey(Schema.Array(Schema.String)),
    /** The `claims` parameter, whose values may be personal data. */
    requestedClaims: Schema.optionalKey(secret(Schema.Record(Schema.String, Schema.Json), "requested claims")),
    bindingMessage: Schema.optionalKey(Schema.String),
    authorizationDetails: Schema.optionalKey(Schema.Array(Schema.Json)),
    /** Whether nothing but these details may be granted. */
    essentialAuthorizationDetails: Schema.optionalKey(Schema.Boolean),
    expectations: Schema.Struct({
      nonce: Schema.optionalKey(secret(Schema.String, "nonce")),
      maxAge: Schema.optionalKey(Schema.Duration),
      acrValues: Schema.optionalKey(Schema.Array(Schema.String)),
      subject: Schema.optionalKey(secret(Schema.String, "subject"))
    })
  }
}

/**
 * A pending authentication.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class PendingAuthentication extends Schema.Opaque<PendingAuthentication>()(
  Schema.Struct({
    ...members(false),
    /** The hint and the user code of the request, which no text of the provider's shows. Neither `seal` nor `unsafeJson` keeps them. */
    hints: Schema.optionalKey(Schema.Array(Schema.Redacted(Schema.String, { disallowJsonEncode: true })))
  })
) {}

/**
 * JSON text that holds **every secret in clear**, for storage that is itself encrypted. Use `seal` for any other storage.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const unsafeJson: Schema.Codec<PendingAuthentication, string> = Schema.fromJsonString(
  Schema.toCodecJson(Schema.Struct(members(true)))
).pipe(
  Schema.decodeTo(
    Schema.toType(PendingAuthentication),
    SchemaTransformation.transform({
      decode: (stored): PendingAuthentication => stored,
      encode: ({ hints: _hints, ...stored }: PendingAuthentication) => stored
    })
  )
)

/**
 * A copy with other values in some members, which are not checked.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const update = (
  pending: PendingAuthentication,
  changes: Partial<PendingAuthentication>
): PendingAuthentication => ({ ...pending, ...changes })

/**
 * Encrypts a pending authentication with the first of the keys, for one place: the name of the entry as context, for one.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const seal = (
  pending: PendingAuthentication,
  keys: Sealing.Keys,
  context: Sealing.Context = []
): Effect.Effect<string> => sealedJson.seal(pending, keys, context)

/**
 * Decrypts what `seal` has made in this context with any of the keys; fails if none of them decrypts it.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const open = (
  sealed: string,
  keys: Sealing.Keys,
  context: Sealing.Context = []
): Effect.Effect<PendingAuthentication, DecryptionFailed> => sealedJson.open(sealed, keys, context)

const sealedJson = SealedJson.make({
  kind: "PendingAuthentication",
  noun: "pending authentication",
  schema: unsafeJson
})
