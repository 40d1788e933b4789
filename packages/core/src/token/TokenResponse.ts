/**
 * What the provider sends on success, before anything of it is believed: no token and no claim can be read from it.
 *
 * `IdTokenVerifier` turns it into a `VerifiedIdentity`, or refuses it.
 *
 * @see CIBA Core 1.0 section 10.1.1, OpenID Connect Core 3.1.3.3
 */
import { DateTime, Duration, Effect, Option, Redacted, Schema, SchemaTransformation } from "effect"
import { Opaque, unsafeValue } from "../internal/Opaque.ts"
import { WireSeconds } from "../internal/WireSeconds.ts"
import type { PendingAuthentication } from "../pending/PendingAuthentication.ts"

const secret = (
  label: string,
  text: Schema.Codec<string> = Schema.NonEmptyString
): Schema.Codec<Redacted.Redacted<string>, string> => Schema.RedactedFromValue(text, { label, disallowEncode: true })

/** Schema of a token type: compared without regard to case (RFC 6749 5.1). */
export const TokenType: Schema.Codec<string> = Schema.NonEmptyString.pipe(
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transform({
      decode: (type) => (/^bearer$/i.test(type) ? "Bearer" : /^dpop$/i.test(type) ? "DPoP" : type),
      encode: (type) => type
    })
  )
)

/** What can be sent in a header (RFC 6749 appendix A.12). */
const sendable = Schema.NonEmptyString.check(Schema.isPattern(/^[\x20-\x7e]*$/))

const membersWith = <IdToken extends Schema.Struct.Fields[string]>(id_token: IdToken) =>
  Schema.Struct({
    access_token: secret("access_token", sendable),
    token_type: TokenType,
    id_token,
    refresh_token: Schema.optionalKey(Schema.NullOr(secret("refresh_token"))),
    expires_in: Schema.optionalKey(Schema.Unknown),
    scope: Schema.optionalKey(Schema.NullOr(Schema.String))
  })

const members = membersWith(secret("id_token"))

const refreshMembers = membersWith(Schema.optionalKey(Schema.NullOr(secret("id_token"))))

const others = [Schema.Record(Schema.String, Schema.Unknown)] as const

/** The members of a response, for the code that verifies it. */
export type Members = typeof members.Type & { readonly [member: string]: unknown }

/** The members of a response to a refresh token. */
export type RefreshMembers = typeof refreshMembers.Type & { readonly [member: string]: unknown }

/** A token response that nobody has verified yet. */
export class TokenResponse extends Opaque<{ readonly members: Members; readonly received: StoredResponse }> {}

/** A response as it came, and when. */
export type StoredResponse = NonNullable<PendingAuthentication["received"]>

/** A response that came just now. */
export const toStored = (body: Schema.Json): Effect.Effect<StoredResponse> =>
  Effect.map(DateTime.now, (at) => ({ body: Redacted.make(body, { label: "token response" }), at }))

/** Reads a token response. */
export const decode = (received: StoredResponse): Effect.Effect<TokenResponse, Schema.SchemaError> =>
  Effect.map(decodeBody(Redacted.value(received.body)), (members) => new TokenResponse({ members, received }))
/** A response to a refresh token: an ID Token may be missing (OpenID Connect Core 12.2). Every `TokenResponse` is one. */
export class RefreshResponse extends Opaque<{ readonly members: RefreshMembers; readonly received: StoredResponse }> {}

/** Reads a response to a refresh token. */
export const decodeRefresh = (received: StoredResponse): Effect.Effect<RefreshResponse, Schema.SchemaError> =>
  Effect.map(decodeRefreshBody(Redacted.value(received.body)), (members) => new RefreshResponse({ members, received }))

/** When the access token ends, in milliseconds since the epoch, where the provider says so. */
export const expiresAt = (response: RefreshResponse): number | undefined => {
  const { members, received } = unsafeValue(response)
  const lifetime = Schema.decodeUnknownOption(WireSeconds)(members.expires_in)
  return Option.getOrUndefined(
    Option.map(lifetime, (left) => DateTime.toEpochMillis(received.at) + Duration.toMillis(left))
  )
}

const decodeBody = Schema.decodeUnknownEffect(Schema.StructWithRest(members, others), { errors: "all" })

const decodeRefreshBody = Schema.decodeUnknownEffect(Schema.StructWithRest(refreshMembers, others), { errors: "all" })
