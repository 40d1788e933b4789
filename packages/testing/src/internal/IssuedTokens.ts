/** The successful token response (CIBA Core 10.1.1). */
import { JsonWebToken, TokenHash } from "@effect-ciba/core/unstable/jose"
import { Clock, Effect, Redacted } from "effect"
import type { Decision, Entry } from "./AuthenticationRequests.ts"
import { awaitUnderTestClock } from "./AwaitUnderTestClock.ts"
import * as ProviderResponse from "./ProviderResponse.ts"
import type { PublishedKeys } from "./PublishedKeys.ts"
import * as RandomToken from "./RandomToken.ts"
import type { Settings } from "./Settings.ts"

/** Issues tokens, the access token bound to the key with the thumbprint, if there is one, for all of the scope or a part. */
export type Issue = (
  entry: Entry,
  approval: Decision,
  thumbprint?: string,
  scope?: string
) => Effect.Effect<ProviderResponse.ProviderResponse>

/** A token that was issued. */
export interface Issued {
  readonly kind: "access_token" | "refresh_token"
  readonly entry: Entry
  readonly approval: Decision
  readonly scope: string
  /** The thumbprint of the key that it is bound to. */
  readonly thumbprint: string | undefined
  /** In milliseconds on the `Clock`. */
  readonly issuedAt: number
  readonly expiresAt: number
}

export interface IssuedTokens {
  readonly issue: Issue
  /** The thumbprint of the key that an access token is bound to. */
  readonly keyThumbprint: (accessToken: string) => string | undefined
  /** A token that is good now. */
  readonly find: (token: string, now: number) => Issued | undefined
  /** From now on, the token is good for nothing; with a refresh token, everything that came of the same approval. */
  readonly revoke: (token: string) => void
  /** From now on, the token is good for nothing. */
  readonly spend: (token: string) => void
}

export const make = (settings: Settings, keys: PublishedKeys): IssuedTokens => {
  const issued = new Map<string, Issued>()

  const issue: Issue = Effect.fnUntraced(function* (entry, approval, thumbprint, scope = entry.scope) {
    const issuedAt = yield* Clock.currentTimeMillis
    const now = seconds(issuedAt)
    const common = { entry, approval, issuedAt }
    const accessToken = yield* RandomToken.make(32)
    const expiresAt = issuedAt + settings.accessTokenLifetime
    issued.set(accessToken, { ...common, kind: "access_token", scope, thumbprint, expiresAt })
    const refreshToken = settings.refreshTokens ? yield* RandomToken.make(32) : undefined
    if (refreshToken !== undefined) {
      const lasting = { scope: entry.scope, thumbprint: undefined, expiresAt: Number.POSITIVE_INFINITY }
      issued.set(refreshToken, { ...common, ...lasting, kind: "refresh_token" })
    }
    const key = keys.signing(entry.client)
    const half = (token: string) => TokenHash.leftHalf(Redacted.make(token), key.algorithm)
    const isPush = entry.client.notification?.deliveryMode === "push"
    const idToken = yield* Effect.all([half(accessToken), half(refreshToken ?? "")]).pipe(
      Effect.flatMap(([at_hash, rt_hash]) =>
        JsonWebToken.sign(
          settings.idTokenClaims({
            iss: settings.issuer,
            sub: entry.user.subject,
            aud: entry.client.clientId,
            exp: now + seconds(settings.idTokenLifetime),
            iat: now,
            auth_time: seconds(approval.at),
            ...(entry.acrValues === undefined ? undefined : { acr: entry.acrValues.split(" ")[0] }),
            ...(entry.nonce === undefined ? undefined : { nonce: entry.nonce }),
            at_hash,
            ...(isPush ? { "urn:openid:params:jwt:claim:auth_req_id": entry.authReqId } : undefined),
            ...(isPush && refreshToken !== undefined ? { "urn:openid:params:jwt:claim:rt_hash": rt_hash } : undefined)
          }),
          { key }
        )
      ),
      awaitUnderTestClock
    )
    return ProviderResponse.json(
      200,
      settings.tokenResponse({
        access_token: accessToken,
        token_type: thumbprint === undefined ? "Bearer" : "DPoP",
        expires_in: seconds(settings.accessTokenLifetime),
        ...(refreshToken === undefined ? undefined : { refresh_token: refreshToken }),
        scope,
        id_token: Redacted.value(idToken)
      })
    )
  })

  return {
    issue,
    keyThumbprint: (accessToken) => issued.get(accessToken)?.thumbprint,
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
    spend: (token) => void issued.delete(token)
  }
}

const seconds = (millis: number): number => Math.floor(millis / 1000)
