/**
 * Who approved, and the tokens that this gives: all of it verified.
 *
 * **Gotchas**
 *
 * - Tokens are `Redacted`. Claims are not: they are personal data, and a log of an identity shows them.
 */
import { Data, type DateTime, type Redacted } from "effect"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import type { IdTokenClaims } from "./IdTokenClaims.ts"

/** A person who approved. */
export class VerifiedIdentity extends Data.Class<{
  /** The person, as the issuer names them: unique and stable only together with `issuer`. */
  readonly subject: string
  readonly issuer: string
  /** All of them but the `auth_req_id` that a push has: it is a bearer. */
  readonly claims: IdTokenClaims
  readonly accessToken: Redacted.Redacted<string>
  readonly tokenType: string
  /** The private key that the tokens are bound to, where DPoP binds them and the key could be kept. */
  readonly proofKey: Redacted.Redacted<JsonWebKey> | undefined
  /** When the access token ends, where the provider says so. */
  readonly expiresAt: DateTime.Utc | undefined
  readonly refreshToken: Redacted.Redacted<string> | undefined
  /** The signed ID Token, out of its encryption if it had one: the next request's `UserHint.idToken`. */
  readonly idToken: Redacted.Redacted<string>
  /** The granted scope; the requested one, where the provider names none. */
  readonly scope: ReadonlyArray<string>
  /** The granted `authorization_details` (RFC 9396); not granted, where the provider names none. */
  readonly authorizationDetails: ReadonlyArray<unknown> | undefined
  /** The grant's id (Grant Management for OAuth 2.0). */
  readonly grantId: string | undefined
  /** Every other member of the token response. */
  readonly additional: Redacted.Redacted<Readonly<Record<string, unknown>>>
}> {}
