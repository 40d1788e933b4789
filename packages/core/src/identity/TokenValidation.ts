/**
 * What the tokens of a response make of a person whose ID Token is believed: judged by their type, their scope and the
 * profile.
 *
 * @see OpenID Connect Core 3.1.3.3, RFC 6749 sections 5.1 and 6
 */
import { DateTime, Effect, Redacted } from "effect"
import type * as ClientRegistration from "../client/ClientRegistration.ts"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import { sanitize } from "../internal/DisplayText.ts"
import { unsafeValue } from "../internal/Opaque.ts"
import * as Rule from "../profile/Rule.ts"
import * as TokenResponse from "../token/TokenResponse.ts"
import type { IdTokenClaims } from "./IdTokenClaims.ts"
import { IdTokenError, UnexpectedTokenType } from "./IdTokenError.ts"
import { VerifiedIdentity } from "./VerifiedIdentity.ts"

/** What is known beside the response. */
export interface VerifiedContext {
  /** The claims that are believed. */
  readonly claims: IdTokenClaims
  /** Where they come from, out of its encryption. */
  readonly idToken: Redacted.Redacted<string>
  /** The key that the tokens are bound to. */
  readonly proofKey: Redacted.Redacted<JsonWebKey> | undefined
  readonly requestedScope: ReadonlyArray<string>
  /** The authentication context classes that were asked for, if some were. */
  readonly requestedAcr?: ReadonlyArray<string> | undefined
  /** What stays in use where the response has no other. */
  readonly refreshToken?: Redacted.Redacted<string> | undefined
  /** What stays where the response names none. */
  readonly grantId?: string | undefined
}

/** The person with these tokens, or why the tokens are refused. */
export const validate = Effect.fnUntraced(function* (
  response: TokenResponse.RefreshResponse,
  registration: ClientRegistration.Service,
  { claims, grantId, idToken, proofKey, refreshToken, requestedAcr, requestedScope }: VerifiedContext
): Effect.fn.Return<VerifiedIdentity, IdTokenError> {
  const { access_token, expires_in, id_token, refresh_token, scope, token_type, ...rest } =
    unsafeValue(response).members
  const { tokenType } = registration.senderConstraint
  if (token_type !== tokenType && !registration.recognizedTokenTypes.includes(token_type.toLowerCase())) {
    const reason = new UnexpectedTokenType({ expected: tokenType, actual: sanitize(token_type) })
    return yield* new IdTokenError({ reason })
  }
  const named = scope?.split(" ").filter((value) => value !== "") ?? []
  const grantedScope = named.length > 0 ? named : requestedScope
  if (!grantedScope.every((value) => requestedScope.includes(value))) {
    yield* Effect.logWarning("The provider granted more scope than was requested")
  }
  const broken = Rule.validate(registration.profile, "response", {
    registration,
    claims,
    tokenType: token_type,
    requestedScope,
    requestedAcr,
    grantedScope
  })
  if (broken !== undefined) return yield* new IdTokenError({ reason: broken })
  const expiresAt = TokenResponse.expiresAt(response)
  const { authorization_details, grant_id, ...additional } = rest
  const { "urn:openid:params:jwt:claim:auth_req_id": _bearer, ...shown } = claims
  return new VerifiedIdentity({
    subject: claims.sub,
    issuer: claims.iss,
    claims: shown,
    accessToken: access_token,
    tokenType: token_type,
    proofKey: proofKey ?? registration.senderConstraint.proofKey,
    expiresAt: expiresAt === undefined ? undefined : DateTime.makeUnsafe(expiresAt),
    refreshToken: refresh_token ?? refreshToken,
    idToken,
    scope: grantedScope,
    authorizationDetails: Array.isArray(authorization_details) ? authorization_details : undefined,
    grantId: typeof grant_id === "string" ? grant_id : grantId,
    additional: Redacted.make(additional, { label: "token response" })
  })
})
