/**
 * Validation of the claims of an ID Token whose signature is verified: pure, one check after the other.
 *
 * @see OpenID Connect Core 3.1.3.7
 */
import { DateTime, Duration, Redacted } from "effect"
import { sanitize } from "../internal/DisplayText.ts"
import type { Expectations } from "../pending/PendingAuthentication.ts"
import type { IdTokenClaims } from "./IdTokenClaims.ts"
import {
  Expired,
  type IdTokenError,
  IssuedTooLongAgo,
  NotYetValid,
  RefreshedClaimMismatch,
  StaleAuthentication,
  UnsatisfiedAcr,
  WrongAudience,
  WrongAuthorizedParty,
  WrongIssuer,
  WrongNonce,
  WrongSubject
} from "./IdTokenError.ts"

/** What the claims are compared with. */
export interface ExpectedClaims {
  readonly issuer: string
  readonly clientId: string
  /** How far the issuer's clock and the client's may differ. */
  readonly tolerance: Duration.Duration
  readonly expectations: Expectations
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** The first problem of the claims; `undefined` if they are valid. */
export const validate = (claims: IdTokenClaims, expected: ExpectedClaims): IdTokenError["reason"] | undefined =>
  validateParties(claims, expected) ?? validateTimes(claims, expected) ?? validateExpectations(claims, expected)

/**
 * The first claim of an ID Token beside refreshed tokens that does not agree with the earlier ID Token; `undefined` if
 * all do.
 *
 * @see OpenID Connect Core 12.2
 */
export const validateRefreshed = (
  claims: IdTokenClaims,
  earlier: IdTokenClaims
): IdTokenError["reason"] | undefined => {
  if (claims.iss !== earlier.iss) return new RefreshedClaimMismatch({ claim: "iss" })
  if (claims.sub !== earlier.sub) return new WrongSubject()
  if (claims.iat < earlier.iat) return new RefreshedClaimMismatch({ claim: "iat" })
  if (isChanged(claims.auth_time, earlier.auth_time)) return new RefreshedClaimMismatch({ claim: "auth_time" })
  return claims.nonce === undefined || claims.nonce === earlier.nonce
    ? undefined
    : new RefreshedClaimMismatch({ claim: "nonce" })
}

const isChanged = (time: number | undefined, earlier: number | undefined): boolean =>
  time !== undefined && earlier !== undefined && time !== earlier

/** How far `iat` may lie in the past: an authentication request is answered sooner. */
const maxTokenAge = Duration.toMillis("1 day")

const validateParties = (
  claims: IdTokenClaims,
  { clientId, issuer }: ExpectedClaims
): IdTokenError["reason"] | undefined => {
  const audience = typeof claims.aud === "string" ? [claims.aud] : claims.aud
  if (claims.iss !== issuer) return new WrongIssuer({ expected: issuer, actual: sanitize(claims.iss) })
  if (!audience.every((party) => party === clientId)) {
    return new WrongAudience({ expected: clientId, actual: sanitize(audience.join(" ")) })
  }
  return claims.azp === undefined || claims.azp === clientId
    ? undefined
    : new WrongAuthorizedParty({ expected: clientId, actual: sanitize(claims.azp) })
}

const validateTimes = (claims: IdTokenClaims, expected: ExpectedClaims): IdTokenError["reason"] | undefined => {
  const tolerance = Duration.toMillis(expected.tolerance)
  const { now } = expected
  if (claims.exp * 1000 + tolerance <= now) return new Expired({ at: DateTime.fromEpochSeconds(claims.exp) })
  if (claims.iat * 1000 > now + tolerance)
    return new NotYetValid({ claim: "iat", at: DateTime.fromEpochSeconds(claims.iat) })
  if (claims.nbf !== undefined && claims.nbf * 1000 > now + tolerance) {
    return new NotYetValid({ claim: "nbf", at: DateTime.fromEpochSeconds(claims.nbf) })
  }
  return claims.iat * 1000 < now - maxTokenAge
    ? new IssuedTooLongAgo({ at: DateTime.fromEpochSeconds(claims.iat) })
    : undefined
}

const validateExpectations = (claims: IdTokenClaims, expected: ExpectedClaims): IdTokenError["reason"] | undefined => {
  const { acrValues, maxAge, nonce, subject } = expected.expectations
  if (nonce !== undefined && claims.nonce !== Redacted.value(nonce)) return new WrongNonce()
  if (subject !== undefined && claims.sub !== Redacted.value(subject)) return new WrongSubject()
  if (acrValues !== undefined && (claims.acr === undefined || !acrValues.includes(claims.acr))) {
    return new UnsatisfiedAcr({
      expected: acrValues,
      ...(claims.acr === undefined ? undefined : { actual: sanitize(claims.acr) })
    })
  }
  if (maxAge === undefined) return undefined
  if (claims.auth_time === undefined) return new StaleAuthentication({})
  const age = expected.now - claims.auth_time * 1000
  const tolerance = Duration.toMillis(expected.tolerance)
  return age > Duration.toMillis(maxAge) + tolerance || age < -tolerance
    ? new StaleAuthentication({ at: DateTime.fromEpochSeconds(claims.auth_time) })
    : undefined
}
