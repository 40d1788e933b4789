/** The tokens that the provider has issued, and the token response that issues them (CIBA Core 10.1.1). */
import { JsonWebToken, TokenHash } from "@effect-ciba/core/unstable/jose"
import { Clock, Effect, Redacted } from "effect"
import type { JsonObject } from "../ProviderOptions.ts"
import type { Entry, Grant } from "./AuthenticationRequests.ts"
import { awaitUnderTestClock } from "./AwaitUnderTestClock.ts"
import type { PublishedKeys } from "./PublishedKeys.ts"
import * as RandomToken from "./RandomToken.ts"
import { type Confirmation, thumbprintOf } from "./SenderConstraint.ts"
import type { Settings } from "./Settings.ts"

/** Issues tokens for an approval, for all of its scope by default. Gives the body of the token response. */
export type Issue = (entry: Entry, grant: Grant, confirmation: Confirmation, scope?: string) => Effect.Effect<unknown>

export interface IssuedToken {
  readonly kind: "access_token" | "refresh_token"
  readonly entry: Entry
  readonly grant: Grant
  readonly scope: string
  readonly confirmation: Confirmation
  /** In milliseconds on the `Clock`, as `expiresAt`. */
  readonly issuedAt: number
  readonly expiresAt: number
}

export interface IssuedTokens {
  readonly issue: Issue
  /** The thumbprint of the key that an access token is bound to. */
  readonly keyThumbprint: (accessToken: string) => string | undefined
  /** The token, if it is valid now. */
  readonly find: (token: string, now: number) => IssuedToken | undefined
  /** Revokes a token; with a refresh token all that were issued for the same approval. */
  readonly revoke: (token: string) => void
  /** Revokes this token alone. */
  readonly remove: (token: string) => void
}

export const make = (settings: Settings, keys: PublishedKeys): IssuedTokens => {
  const issued = new Map<string, IssuedToken>()

  const issue: Issue = Effect.fnUntraced(function* (entry, grant, confirmation, scope = grant.scope) {
    const issuedAt = yield* Clock.currentTimeMillis
    const common = { entry, grant, issuedAt }
    const accessToken = yield* RandomToken.make(32)
    const expiresAt = issuedAt + settings.accessTokenLifetime
    issued.set(accessToken, { ...common, kind: "access_token", scope, confirmation, expiresAt })
    const refreshToken = settings.refreshTokens ? yield* RandomToken.make(32) : undefined
    if (refreshToken !== undefined) {
      const unbounded = { scope: grant.scope, confirmation: undefined, expiresAt: Number.POSITIVE_INFINITY }
      issued.set(refreshToken, { ...common, ...unbounded, kind: "refresh_token" })
    }
    const key = keys.signingKey(entry.client)
    const hash = (token: string) => TokenHash.leftHalf(Redacted.make(token), key.algorithm)
    const idToken = yield* Effect.all([
      hash(accessToken),
      refreshToken === undefined ? Effect.undefined : hash(refreshToken)
    ]).pipe(
      Effect.map(([atHash, rtHash]) => idTokenClaims(settings, { ...common, atHash, rtHash })),
      Effect.flatMap((claims) => JsonWebToken.sign(settings.idTokenClaims(claims), { key })),
      awaitUnderTestClock
    )
    return settings.tokenResponse({
      access_token: accessToken,
      token_type: thumbprintOf(confirmation) === undefined ? "Bearer" : "DPoP",
      expires_in: seconds(settings.accessTokenLifetime),
      ...(refreshToken === undefined ? undefined : { refresh_token: refreshToken }),
      scope,
      ...(grant.authorizationDetails && { authorization_details: grant.authorizationDetails }),
      id_token: Redacted.value(idToken)
    })
  })

  return {
    issue,
    keyThumbprint: (accessToken) => thumbprintOf(issued.get(accessToken)?.confirmation),
    find: (token, now) => {
      const found = issued.get(token)
      return found !== undefined && now < found.expiresAt ? found : undefined
    },
    revoke: (token) => {
      const { entry, kind } = issued.get(token) ?? {}
      issued.delete(token)
      if (kind !== "refresh_token") return
      for (const [other, sibling] of issued) if (sibling.entry.authReqId === entry?.authReqId) issued.delete(other)
    },
    remove: (token) => void issued.delete(token)
  }
}

/** The claims of an ID Token; one that is pushed binds the `auth_req_id` and the refresh token, too (CIBA Core 10.3.1). */
const idTokenClaims = (
  settings: Settings,
  {
    atHash,
    entry,
    grant,
    issuedAt,
    rtHash
  }: {
    readonly entry: Entry
    readonly grant: Grant
    readonly issuedAt: number
    readonly atHash: string
    readonly rtHash: string | undefined
  }
): JsonObject => {
  const isPush = entry.client.notification?.deliveryMode === "push"
  return {
    iss: settings.issuer,
    sub: grant.subject,
    aud: entry.client.clientId,
    exp: seconds(issuedAt) + seconds(settings.idTokenLifetime),
    iat: seconds(issuedAt),
    auth_time: seconds(grant.at),
    ...(grant.acr === undefined ? undefined : { acr: grant.acr }),
    ...(grant.amr === undefined ? undefined : { amr: grant.amr }),
    ...(entry.nonce === undefined ? undefined : { nonce: entry.nonce }),
    at_hash: atHash,
    ...(isPush ? { "urn:openid:params:jwt:claim:auth_req_id": entry.authReqId } : undefined),
    ...(isPush && rtHash !== undefined ? { "urn:openid:params:jwt:claim:rt_hash": rtHash } : undefined)
  }
}

const seconds = (millis: number): number => Math.floor(millis / 1000)
