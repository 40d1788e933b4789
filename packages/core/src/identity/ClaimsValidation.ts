/**
 * Validation of the claims of an ID Token whose signature is verified: pure, one check after the other.
 *
 * @see OpenID Connect Core 3.1.3.7
 */
import { DateTime, Duration, Redacted } from "effect"
import { sanitize } from "../internal/DisplayText.ts"
import type { Expectations, PendingAuthentication } from "../pending/PendingAuthentication.ts"
import type { IdTokenClaims } from "./IdTokenClaims.ts"
import * as IdTokenError from "./IdTokenError.ts"

type Reason = IdTokenError.IdTokenError["reason"]

/** What the claims are compared with. */
export interface ExpectedClaims {
  readonly issuer: string
  readonly clientId: string
  /** Those that may be in the audience beside the client. */
  readonly trustedAudiences: ReadonlyArray<string>
  /** How far the issuer's clock and the client's may differ. */
  readonly tolerance: Duration.Duration
  readonly expectations: Expectations
  /** The authentication that the ID Token has to belong to, if it comes with the tokens of one. */
  readonly pending?: Pick<PendingAuthentication, "authReqId" | "requestedAt"> | undefined
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** The first problem of the claims; `undefined` if they are valid. */
export const validate = (claims: IdTokenClaims, expected: ExpectedClaims): Reason | undefined =>
  validateParties(claims, expected) ??
  validateTimes(claims, expected) ??
  validateExpectations(claims, expected) ??
  validateOrder(claims, expected)

/**
 * The first claim of an ID Token beside refreshed tokens that does not agree with the earlier ID Token; `undefined` if
 * all do.
 *
 * @see OpenID Connect Core 12.2
 */
export const validateRefreshed = (
  claims: IdTokenClaims,
  earlier: IdTokenClaims,
  tolerance: Duration.Duration
): Reason | undefined => {
  const { auth_time = Infinity, iat, iss, nonce = earlier.nonce, sub } = claims
  const { auth_time: earlierTime = -Infinity } = earlier
  if (iss !== earlier.iss) return new IdTokenError.RefreshedClaimMismatch({ claim: "iss" })
  if (sub !== earlier.sub) return new IdTokenError.WrongSubject()
  if (iat + Duration.toSeconds(tolerance) < earlier.iat)
    return new IdTokenError.RefreshedClaimMismatch({ claim: "iat" })
  if (auth_time < earlierTime) return new IdTokenError.RefreshedClaimMismatch({ claim: "auth_time" })
  return nonce === earlier.nonce ? undefined : new IdTokenError.RefreshedClaimMismatch({ claim: "nonce" })
}

/** How far `iat` may lie in the past: an authentication request is answered sooner. */
const maxTokenAge = Duration.toMillis("1 day")

const validateParties = ({ aud, azp, iss }: IdTokenClaims, { clientId, issuer, trustedAudiences }: ExpectedClaims) => {
  const audience = [aud].flat()
  if (iss !== issuer) return new IdTokenError.WrongIssuer({ expected: issuer, actual: sanitize(iss) })
  const isTrusted = (party: string) => party === clientId || trustedAudiences.includes(party)
  if (!audience.includes(clientId) || !audience.every(isTrusted)) {
    return new IdTokenError.WrongAudience({ expected: clientId, actual: sanitize(audience.join(" ")) })
  }
  if (azp === undefined || azp === clientId) return undefined
  return new IdTokenError.WrongAuthorizedParty({ expected: clientId, actual: sanitize(azp) })
}

const validateTimes = ({ exp, iat, nbf = 0 }: IdTokenClaims, { now, tolerance }: ExpectedClaims) => {
  const margin = Duration.toMillis(tolerance)
  const latest = now + margin
  if (exp * 1000 + margin <= now) return new IdTokenError.Expired({ at: DateTime.fromEpochSeconds(exp) })
  if (iat * 1000 > latest) return new IdTokenError.NotYetValid({ claim: "iat", at: DateTime.fromEpochSeconds(iat) })
  if (nbf * 1000 > latest) return new IdTokenError.NotYetValid({ claim: "nbf", at: DateTime.fromEpochSeconds(nbf) })
  if (iat * 1000 >= now - maxTokenAge) return undefined
  return new IdTokenError.IssuedTooLongAgo({ at: DateTime.fromEpochSeconds(iat) })
}

/**
 * No ID Token is older than the request that it responds to. One with the nonce or the `auth_req_id` of the request cannot be:
 * then the issuer's clock decides nothing. `iat` may be in whole seconds: the request is compared as if it were, too.
 */
const validateOrder = (claims: IdTokenClaims, { expectations, pending, tolerance }: ExpectedClaims) => {
  const { iat } = claims
  const isBound =
    expectations.nonce !== undefined ||
    (pending !== undefined && claims["urn:openid:params:jwt:claim:auth_req_id"] === Redacted.value(pending.authReqId))
  if (isBound || pending?.requestedAt === undefined) return undefined
  const { requestedAt } = pending
  const requested = Math.floor(DateTime.toEpochMillis(requestedAt) / 1000)
  if (iat + Duration.toSeconds(tolerance) >= requested) return undefined
  return new IdTokenError.IssuedBeforeRequest({ at: DateTime.fromEpochSeconds(iat), requestedAt })
}

const validateExpectations = (claims: IdTokenClaims, { expectations, now, tolerance }: ExpectedClaims) => {
  const { acr, auth_time } = claims
  const { acrValues, maxAge, nonce, subject } = expectations
  if (nonce !== undefined && claims.nonce !== Redacted.value(nonce)) return new IdTokenError.WrongNonce()
  if (subject !== undefined && claims.sub !== Redacted.value(subject)) return new IdTokenError.WrongSubject()
  if (acrValues?.every((value) => value !== acr)) {
    const actual = acr === undefined ? undefined : { actual: sanitize(acr) }
    return new IdTokenError.UnsatisfiedAcr({ expected: acrValues, ...actual })
  }
  if (maxAge === undefined) return undefined
  if (auth_time === undefined) return new IdTokenError.StaleAuthentication({})
  const age = now - auth_time * 1000
  const margin = Duration.toMillis(tolerance)
  if (age <= Duration.toMillis(maxAge) + margin && age >= -margin) return undefined
  return new IdTokenError.StaleAuthentication({ at: DateTime.fromEpochSeconds(auth_time) })
}
