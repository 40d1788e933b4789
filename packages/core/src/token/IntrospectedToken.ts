/**
 * The state of a token as the provider reports it: active, with its properties, or inactive.
 *
 * **Gotchas**
 *
 * - Subject and user name are not `Redacted`. They are personal data, and a log of an active token shows them.
 *
 * @see RFC 7662 section 2.2
 */
import { Data, DateTime, Effect, Redacted, Schema, Struct } from "effect"
import { EpochSeconds } from "../internal/EpochSeconds.ts"
import { decisive, Texts, Values } from "../internal/ForeignMember.ts"
import { TokenType } from "./TokenResponse.ts"

const text = decisive(Schema.String)
const seconds = decisive(EpochSeconds)

const confirmation = Schema.Struct({
  /** The thumbprint of the key that DPoP binds the token to (RFC 9449 6.2). */
  jkt: Schema.optionalKey(Schema.NonEmptyString),
  /** The thumbprint of the certificate that the token is bound to (RFC 8705 3.2). */
  "x5t#S256": Schema.optionalKey(Schema.NonEmptyString)
})

const members = Schema.Struct({
  active: Schema.Literal(true),
  scope: text,
  client_id: text,
  username: text,
  token_type: decisive(TokenType),
  exp: seconds,
  iat: seconds,
  nbf: seconds,
  sub: text,
  aud: decisive(Schema.Union([Schema.String, Texts])),
  iss: text,
  jti: text,
  cnf: decisive(Schema.StructWithRest(confirmation, [Schema.Record(Schema.String, Schema.Unknown)])),
  authorization_details: decisive(Values)
})

/**
 * The keys that the token is bound to; confirmation methods that are not listed pass through (RFC 7800).
 *
 * @since 0.1.0
 * @stability stable
 */
export type Confirmation = typeof confirmation.Type & { readonly [method: string]: unknown }

/**
 * A token that is valid, and what the provider discloses of it.
 *
 * @since 0.1.0
 * @stability stable
 */
export class ActiveToken extends Data.Class<{
  readonly active: true
  readonly scope: ReadonlyArray<string>
  readonly clientId: string | undefined
  readonly username: string | undefined
  readonly tokenType: string | undefined
  readonly expiresAt: DateTime.Utc | undefined
  readonly issuedAt: DateTime.Utc | undefined
  readonly notBefore: DateTime.Utc | undefined
  readonly subject: string | undefined
  readonly audience: ReadonlyArray<string>
  readonly issuer: string | undefined
  readonly tokenId: string | undefined
  readonly confirmation: Confirmation | undefined
  readonly authorizationDetails: ReadonlyArray<unknown> | undefined
  /** Every other member of the response. */
  readonly additional: Redacted.Redacted<Readonly<Record<string, unknown>>>
}> {}

/**
 * A token that has expired, is revoked or unknown, or that this client may not introspect.
 *
 * @since 0.1.0
 * @stability stable
 */
export class InactiveToken extends Data.Class<{ readonly active: false }> {}

/**
 * The state of a token.
 *
 * @since 0.1.0
 * @stability stable
 */
export type IntrospectedToken = ActiveToken | InactiveToken

/** Decodes an introspection response. Of an inactive token, nothing else is read. */
export const decode = Effect.fnUntraced(function* (
  body: unknown
): Effect.fn.Return<IntrospectedToken, Schema.SchemaError> {
  if (!(yield* decodeState(body)).active) return new InactiveToken({ active: false })
  const token = yield* decodeMembers(body)
  return new ActiveToken({
    active: token.active,
    scope: token.scope?.split(" ").filter((value) => value !== "") ?? [],
    clientId: token.client_id,
    username: token.username,
    tokenType: token.token_type,
    expiresAt: toDateTime(token.exp),
    issuedAt: toDateTime(token.iat),
    notBefore: toDateTime(token.nbf),
    subject: token.sub,
    audience: [token.aud ?? []].flat(),
    issuer: token.iss,
    tokenId: token.jti,
    confirmation: token.cnf,
    authorizationDetails: token.authorization_details,
    additional: Redacted.make(Struct.omit(token, Struct.keys(members.fields)), { label: "introspection response" })
  })
})

const decodeState = Schema.decodeUnknownEffect(Schema.Struct({ active: Schema.Boolean }))

const decodeMembers = Schema.decodeUnknownEffect(
  Schema.StructWithRest(members, [Schema.Record(Schema.String, Schema.Unknown)]),
  { errors: "all" }
)

const toDateTime = (seconds: number | undefined): DateTime.Utc | undefined =>
  seconds === undefined ? undefined : DateTime.fromEpochSeconds(seconds)
