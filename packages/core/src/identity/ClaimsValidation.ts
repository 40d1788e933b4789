/**
 * What the claims of a believable ID Token say: a pure judgement, one check after the other.
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

/** By what the claims are judged. */
export interface ExpectedClaims {
  readonly issuer: string
  readonly clientId: string
  /** How far the issuer's clock may be off. */
  readonly tolerance: Duration.Duration
  readonly expectations: Expectations
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** The first thing that is wrong with the claims, if something is. */
export const validate = (claims: IdTokenClaims, standard: ExpectedClaims): IdTokenError["reason"] | undefined =>
  parties(claims, standard) ?? times(claims, standard) ?? expected(claims, standard)

/**
 * The first thing in the claims of a renewed ID Token that does not go with the earlier one's, if something does not.
 *
 * @see OpenID Connect Core 12.2
 */
export const validateRefreshed = (claims: IdTokenClaims, before: IdTokenClaims): IdTokenError["reason"] | undefined => {
  if (claims.iss !== before.iss) return new RefreshedClaimMismatch({ claim: "iss" })
  if (claims.sub !== before.sub) return new WrongSubject()
  if (claims.iat < before.iat) return new RefreshedClaimMismatch({ claim: "iat" })
  if (differs(claims.auth_time, before.auth_time)) return new RefreshedClaimMismatch({ claim: "auth_time" })
  return claims.nonce === undefined || claims.nonce === before.nonce
    ? undefined
    : new RefreshedClaimMismatch({ claim: "nonce" })
}

const differs = (one: number | undefined, other: number | undefined): boolean =>
  one !== undefined && other !== undefined && one !== other

/** An ID Token older than a day answers no request of today. */
const oldest = Duration.toMillis("1 day")

const parties = (claims: IdTokenClaims, { clientId, issuer }: ExpectedClaims): IdTokenError["reason"] | undefined => {
  const audience = typeof claims.aud === "string" ? [claims.aud] : claims.aud
  if (claims.iss !== issuer) return new WrongIssuer({ expected: issuer, actual: sanitize(claims.iss) })
  if (!audience.every((party) => party === clientId)) {
    return new WrongAudience({ expected: clientId, actual: sanitize(audience.join(" ")) })
  }
  return claims.azp === undefined || claims.azp === clientId
    ? undefined
    : new WrongAuthorizedParty({ expected: clientId, actual: sanitize(claims.azp) })
}

const times = (claims: IdTokenClaims, standard: ExpectedClaims): IdTokenError["reason"] | undefined => {
  const tolerance = Duration.toMillis(standard.tolerance)
  const { now } = standard
  if (claims.exp * 1000 + tolerance <= now) return new Expired({ at: instant(claims.exp) })
  if (claims.iat * 1000 > now + tolerance) return new NotYetValid({ claim: "iat", at: instant(claims.iat) })
  if (claims.nbf !== undefined && claims.nbf * 1000 > now + tolerance) {
    return new NotYetValid({ claim: "nbf", at: instant(claims.nbf) })
  }
  return claims.iat * 1000 < now - oldest ? new IssuedTooLongAgo({ at: instant(claims.iat) }) : undefined
}

const expected = (claims: IdTokenClaims, standard: ExpectedClaims): IdTokenError["reason"] | undefined => {
  const { acrValues, maxAge, nonce, subject } = standard.expectations
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
  const age = standard.now - claims.auth_time * 1000
  const tolerance = Duration.toMillis(standard.tolerance)
  return age > Duration.toMillis(maxAge) + tolerance || age < -tolerance
    ? new StaleAuthentication({ at: instant(claims.auth_time) })
    : undefined
}

const instant = (seconds: number): DateTime.Utc => DateTime.fromEpochSeconds(seconds)
