/**
 * A successful token response before it is verified: neither tokens nor claims can be read from it.
 *
 * **When to use**
 *
 * - `TokenEndpoint.redeem` and `Poll` give a `TokenResponse`, `Refresh.refresh` a `RefreshResponse`; `IdTokenVerifier`
 *   verifies it and gives a `VerifiedIdentity`.
 * - `receive` and `decode` are for a response that came by other means.
 *
 * **Example** (Nothing can be read)
 *
 * ```ts
 * import { TokenResponse } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const body = { access_token: "a-token", token_type: "Bearer", id_token: "a.b.c" }
 *
 * const response = await Effect.runPromise(Effect.flatMap(TokenResponse.receive(body), TokenResponse.decode))
 * JSON.stringify(response) // => "{}"
 * ```
 *
 * @see CIBA Core 1.0 section 10.1.1, OpenID Connect Core 3.1.3.3
 */
import { DateTime, Effect, Option, Redacted, Schema, SchemaGetter } from "effect"
import { lenient, name, secret, words } from "../internal/ForeignMember.ts"
import { Opaque, unsafeValue } from "../internal/Opaque.ts"
import * as SecretText from "../internal/SecretText.ts"
import { WireSeconds } from "../internal/WireSeconds.ts"
import type { ReceivedResponse } from "../pending/ReceivedResponse.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export { type ReceivedResponse, receive } from "../pending/ReceivedResponse.ts"

/**
 * Schema of a token type. Types are not case-sensitive (RFC 6749 5.1): `Bearer` and `DPoP` are decoded to this
 * spelling, also with white space around them.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const TokenType: Schema.Codec<string> = Schema.NonEmptyString.pipe(
  Schema.decode({
    decode: SchemaGetter.transform((type) =>
      /^\s*bearer\s*$/i.test(type) ? "Bearer" : /^\s*dpop\s*$/i.test(type) ? "DPoP" : type
    ),
    encode: SchemaGetter.passthrough()
  })
)

/** The characters of an access token, all of which a header can carry (RFC 6749 appendix A.12). */
const visibleAscii = Schema.NonEmptyString.check(Schema.isPattern(/^[\x20-\x7e]*$/))

const membersWith = <IdToken extends Schema.Struct.Fields[string]>(id_token: IdToken) =>
  Schema.Struct({
    access_token: SecretText.make("access_token", visibleAscii),
    token_type: name(TokenType),
    id_token,
    refresh_token: lenient(SecretText.make("refresh_token")),
    expires_in: Schema.optionalKey(Schema.Unknown),
    scope: words
  })

const members = membersWith(SecretText.make("id_token"))

/** An empty token text is no token. */
const refreshMembers = membersWith(secret("id_token"))

const others = [Schema.Record(Schema.String, Schema.Unknown)] as const

/**
 * The members of a token response, for the code that verifies it.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Members = typeof members.Type & { readonly [member: string]: unknown }

/**
 * The members of a response to a refresh token.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type RefreshMembers = typeof refreshMembers.Type & { readonly [member: string]: unknown }

/**
 * A token response that is not verified.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class TokenResponse extends Opaque<{ readonly members: Members; readonly received: ReceivedResponse }> {}

/**
 * A response to a refresh token that is not verified. The ID Token may be missing (OpenID Connect Core 12.2). Every
 * `TokenResponse` is one.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class RefreshResponse extends Opaque<{
  readonly members: RefreshMembers
  readonly received: ReceivedResponse
}> {}

/**
 * Decodes a token response.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const decode = (received: ReceivedResponse): Effect.Effect<TokenResponse, Schema.SchemaError> =>
  Effect.map(decodeBody(Redacted.value(received.body)), (members) => new TokenResponse({ members, received }))

/**
 * Decodes a response to a refresh token.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const decodeRefresh = (received: ReceivedResponse): Effect.Effect<RefreshResponse, Schema.SchemaError> =>
  Effect.map(decodeRefreshBody(Redacted.value(received.body)), (members) => new RefreshResponse({ members, received }))

/**
 * When the access token expires, from the receipt of the response; `undefined` without a valid `expires_in`.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const expiresAt = (response: RefreshResponse): DateTime.Utc | undefined => {
  const { members, received } = unsafeValue(response)
  return Option.getOrUndefined(
    Option.map(decodeLifetime(members.expires_in), (duration) => DateTime.addDuration(received.at, duration))
  )
}

const decodeBody = Schema.decodeUnknownEffect(Schema.StructWithRest(members, others), { errors: "all" })

const decodeRefreshBody = Schema.decodeUnknownEffect(Schema.StructWithRest(refreshMembers, others), { errors: "all" })

const decodeLifetime = Schema.decodeUnknownOption(WireSeconds)
