/**
 * Validation of a token response whose ID Token is verified: the type of the access token, the granted scope, the
 * profile.
 *
 * @see OpenID Connect Core 3.1.3.3, RFC 6749 sections 5.1 and 6
 */
import { Effect, Redacted, type Schema } from "effect"
import type * as ClientRegistration from "../client/ClientRegistration.ts"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import { sanitize } from "../internal/DisplayText.ts"
import { maxEntries } from "../internal/ForeignMember.ts"
import { unsafeValue } from "../internal/Opaque.ts"
import * as Rule from "../profile/Rule.ts"
import * as TokenResponse from "../token/TokenResponse.ts"
import * as GrantedDetails from "./GrantedDetails.ts"
import type { IdTokenClaims } from "./IdTokenClaims.ts"
import { IdTokenError, UnexpectedAuthorizationDetails, UnexpectedTokenType } from "./IdTokenError.ts"
import { VerifiedIdentity } from "./VerifiedIdentity.ts"

/** What is known besides the response. */
export interface VerifiedContext {
  /** The verified claims. */
  readonly claims: IdTokenClaims
  /** The ID Token that has them, decrypted. */
  readonly idToken: Redacted.Redacted<string>
  /** The private key that the tokens are bound to. */
  readonly dpopKey: Redacted.Redacted<JsonWebKey> | undefined
  readonly requestedScope: ReadonlyArray<string>
  /** The requested authentication context classes, if any. */
  readonly requestedAcr?: ReadonlyArray<string> | undefined
  /** The requested `claims`, if any. */
  readonly requestedClaims?: Redacted.Redacted<Schema.JsonObject> | undefined
  /** The `authorization_details` that have to be granted as they are, if any. */
  readonly essentialDetails?: ReadonlyArray<Schema.Json> | undefined
  /** The refresh token if the response has none. */
  readonly refreshToken?: Redacted.Redacted<string> | undefined
  /** The grant's id if the response has none. */
  readonly grantId?: string | undefined
}

/** The identity with the tokens of the response; fails if the client must not use them. */
export const validate = (
  response: TokenResponse.RefreshResponse,
  registration: ClientRegistration.Service,
  context: VerifiedContext
): Effect.Effect<VerifiedIdentity, IdTokenError> => {
  const { claims, grantId, idToken, dpopKey, refreshToken, requestedAcr, requestedClaims, requestedScope } = context
  const {
    access_token,
    expires_in,
    id_token,
    refresh_token,
    scope,
    token_type = "Bearer",
    ...rest
  } = unsafeValue(response).members
  const { tokenType } = registration.senderConstraint
  if (token_type !== tokenType && !registration.recognizedTokenTypes.includes(token_type.toLowerCase())) {
    const reason = new UnexpectedTokenType({ expected: tokenType, actual: sanitize(token_type) })
    return Effect.fail(new IdTokenError({ reason }))
  }
  const returnedScope = scope?.split(" ").filter((value) => value !== "") ?? []
  const grantedScope = returnedScope.length > 0 ? returnedScope : requestedScope
  const violation = Rule.validate(registration.profile, "response", {
    registration,
    claims,
    tokenType: token_type,
    requestedScope,
    requestedAcr,
    requestedClaims: requestedClaims && Redacted.value(requestedClaims),
    grantedScope
  })
  if (violation !== undefined) return Effect.fail(new IdTokenError({ reason: violation }))
  const { authorization_details, grant_id, ...additional } = rest
  const { "urn:openid:params:jwt:claim:auth_req_id": _secret, ...publicClaims } = claims
  const identity = new VerifiedIdentity({
    subject: claims.sub,
    issuer: claims.iss,
    claims: publicClaims,
    accessToken: access_token,
    tokenType: token_type,
    dpopKey: dpopKey ?? registration.senderConstraint.dpopKey,
    expiresAt: TokenResponse.expiresAt(response),
    refreshToken: refresh_token ?? refreshToken,
    idToken,
    scope: grantedScope,
    authorizationDetails: isList(authorization_details) ? authorization_details : undefined,
    grantId: typeof grant_id === "string" ? grant_id : grantId,
    additional: Redacted.make(additional, { label: "token response" })
  })
  return acceptGrant(identity, context)
}

/** The identity, unless its details are not the essential ones. */
const acceptGrant = (
  identity: VerifiedIdentity,
  { essentialDetails, requestedScope }: VerifiedContext
): Effect.Effect<VerifiedIdentity, IdTokenError> => {
  const problem = essentialDetails && GrantedDetails.describeDifference(essentialDetails, identity.authorizationDetails)
  if (problem !== undefined) {
    const granted = Redacted.make(identity, { label: "granted identity" })
    const reason = new UnexpectedAuthorizationDetails({ problem, identity: granted })
    return Effect.fail(new IdTokenError({ reason }))
  }
  const more = identity.scope.filter((value) => !requestedScope.includes(value))
  return more.length === 0
    ? Effect.succeed(identity)
    : Effect.as(
        Effect.logDebug(`The provider granted scopes that were not requested: ${sanitize(more.join(" "))}`),
        identity
      )
}

/** A longer list is none of this protocol's. */
const isList = (value: unknown): value is ReadonlyArray<Schema.Json> =>
  Array.isArray(value) && value.length <= maxEntries
