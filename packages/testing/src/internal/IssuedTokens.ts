/** The successful token response (CIBA Core 10.1.1). */
import * as JsonWebToken from "@effect-ciba/core/crypto/JsonWebToken"
import * as TokenHash from "@effect-ciba/core/crypto/TokenHash"
import { Clock, Effect, Redacted } from "effect"
import * as Reply from "../Reply.ts"
import type { Decision, Entry } from "./AuthenticationRequests.ts"
import type { PublishedKeys } from "./PublishedKeys.ts"
import type { Settings } from "./Settings.ts"
import { settled } from "./Settled.ts"
import * as Unguessable from "./Unguessable.ts"

/** Issues tokens, the access token bound to the key with the thumbprint, if there is one. */
export type Issue = (entry: Entry, approval: Decision, thumbprint?: string) => Effect.Effect<Reply.Reply>

export interface IssuedTokens {
  readonly issue: Issue
  /** The thumbprint of the key that an access token is bound to. */
  readonly boundTo: (accessToken: string) => string | undefined
}

export const make = (settings: Settings, keys: PublishedKeys): IssuedTokens => {
  const thumbprints = new Map<string, string>()

  const issue: Issue = Effect.fnUntraced(function* (entry, approval, thumbprint) {
    const now = seconds(yield* Clock.currentTimeMillis)
    const accessToken = yield* Unguessable.text(32)
    if (thumbprint !== undefined) thumbprints.set(accessToken, thumbprint)
    const refreshToken = settings.refreshTokens ? yield* Unguessable.text(32) : undefined
    const key = keys.signing(entry.client)
    const half = (token: string) => TokenHash.half(Redacted.make(token), key.algorithm)
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
      settled
    )
    return Reply.json(
      200,
      settings.tokenResponse({
        access_token: accessToken,
        token_type: thumbprint === undefined ? "Bearer" : "DPoP",
        expires_in: seconds(settings.accessTokenLifetime),
        ...(refreshToken === undefined ? undefined : { refresh_token: refreshToken }),
        scope: entry.scope,
        id_token: Redacted.value(idToken)
      })
    )
  })

  return { issue, boundTo: (accessToken) => thumbprints.get(accessToken) }
}

const seconds = (millis: number): number => Math.floor(millis / 1000)
