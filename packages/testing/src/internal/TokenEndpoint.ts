/** The token endpoint: the CIBA grant (CIBA Core 10.1 and 11) and the refresh token grant (RFC 6749 section 6). */
import { Clock, Effect } from "effect"
import type { TestClient } from "../TestClient.ts"
import { type AuthenticationRequests, decisionAt } from "./AuthenticationRequests.ts"
import type { Authenticate } from "./ClientAuthenticator.ts"
import type { DpopProofs } from "./DpopProofs.ts"
import { type Handler, invalidRequest, type Parameters, readForm } from "./FormRequest.ts"
import type { IssuedTokens } from "./IssuedTokens.ts"
import * as ProviderResponse from "./ProviderResponse.ts"
import { type Confirmation, confirm } from "./SenderConstraint.ts"
import type { Settings } from "./Settings.ts"

export const cibaGrant: string = "urn:openid:params:grant-type:ciba"

export const refreshGrant: string = "refresh_token"

type Grant = (
  client: TestClient,
  parameters: Parameters,
  confirmation: Confirmation
) => Effect.Effect<ProviderResponse.ProviderResponse, ProviderResponse.ProviderResponse>

export interface Parts {
  readonly authenticate: Authenticate
  readonly tokens: IssuedTokens
  readonly proofs: DpopProofs
  readonly requests: AuthenticationRequests
}

export const make = (settings: Settings, parts: Parts): Handler => {
  const grants = new Map<string, Grant>([
    [cibaGrant, redeem(settings, parts)],
    ...(settings.refreshTokens ? [[refreshGrant, refresh(parts)] as const] : [])
  ])
  const handle: Handler = Effect.fnUntraced(function* (form) {
    const parameters = yield* readForm(form)
    const client = yield* parts.authenticate(form, parameters)
    const confirmation = yield* confirm(parts.proofs, client, form)
    const grantType = parameters.get("grant_type")
    if (grantType === undefined) return yield* invalidRequest("There is no grant_type")
    const grant = grants.get(grantType)
    return grant === undefined
      ? yield* refuse("unsupported_grant_type")
      : yield* grant(client, parameters, confirmation)
  })
  const { addNonce } = parts.proofs
  return (form) => Effect.mapBoth(handle(form), { onFailure: addNonce, onSuccess: addNonce })
}

const redeem = (settings: Settings, { requests, tokens }: Parts): Grant =>
  Effect.fnUntraced(function* (client, parameters, confirmation) {
    if (client.notification?.deliveryMode === "push") return yield* refuse("unauthorized_client")
    const authReqId = parameters.get("auth_req_id")
    if (authReqId === undefined) return yield* invalidRequest("There is no auth_req_id")
    const entry = requests.find(authReqId)
    if (entry === undefined || entry.client !== client || entry.redeemed) return yield* refuse("invalid_grant")
    const now = yield* Clock.currentTimeMillis
    if (now >= entry.expiresAt) return yield* refuse("expired_token")
    if (settings.pacing !== "off" && now < entry.nextPollAt) return yield* refuse("slow_down")
    const decision = decisionAt(entry, now)
    if (decision === undefined) return yield* refuse("authorization_pending")
    if (decision.grant === undefined) return yield* refuse("access_denied")
    requests.redeem(authReqId)
    return ProviderResponse.json(200, yield* tokens.issue(entry, decision.grant, confirmation))
  })

/** Rotates refresh tokens: each is valid once (RFC 9700 section 4.14.2). */
const refresh = ({ tokens }: Parts): Grant =>
  Effect.fnUntraced(function* (client, parameters, confirmation) {
    const token = parameters.get("refresh_token")
    if (token === undefined) return yield* invalidRequest("There is no refresh_token")
    const found = tokens.find(token, yield* Clock.currentTimeMillis)
    if (found?.kind !== "refresh_token" || found.entry.client !== client) return yield* refuse("invalid_grant")
    const scope = parameters.get("scope") ?? found.scope
    const granted = found.scope.split(" ")
    if (!scope.split(" ").every((value) => granted.includes(value))) return yield* refuse("invalid_scope")
    tokens.remove(token)
    return ProviderResponse.json(200, yield* tokens.issue(found.entry, found.grant, confirmation, scope))
  })

const refuse = (code: string): Effect.Effect<never, ProviderResponse.ProviderResponse> =>
  Effect.fail(ProviderResponse.error(code))
