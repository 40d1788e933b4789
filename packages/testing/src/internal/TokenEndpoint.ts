/** The token endpoint (CIBA Core 10.1 and 11), one function for each grant type. */
import { Clock, Effect } from "effect"
import type { TestClient } from "../TestClient.ts"
import { type AuthenticationRequests, decided } from "./AuthenticationRequests.ts"
import type { Authenticate } from "./ClientAuthenticator.ts"
import type { DpopProofs } from "./DpopProofs.ts"
import { accept, type FormRequest, invalid, type Parameters } from "./FormRequest.ts"
import type { IssuedTokens } from "./IssuedTokens.ts"
import * as ProviderResponse from "./ProviderResponse.ts"
import type { Settings } from "./Settings.ts"

export type Endpoint = (
  form: FormRequest
) => Effect.Effect<ProviderResponse.ProviderResponse, ProviderResponse.ProviderResponse>

export const cibaGrant: string = "urn:openid:params:grant-type:ciba"

export const refreshGrant: string = "refresh_token"

type Grant = (
  client: TestClient,
  parameters: Parameters,
  thumbprint: string | undefined
) => Effect.Effect<ProviderResponse.ProviderResponse, ProviderResponse.ProviderResponse>

export interface Parts {
  readonly authenticate: Authenticate
  readonly tokens: IssuedTokens
  readonly proofs: DpopProofs
  readonly requests: AuthenticationRequests
}

export const make = (settings: Settings, parts: Parts): Endpoint => {
  const grants = new Map<string, Grant>([
    [cibaGrant, backchannelAuthentication(settings, parts)],
    ...(settings.refreshTokens ? [[refreshGrant, refresh(parts)] as const] : [])
  ])
  const handle: Endpoint = Effect.fnUntraced(function* (form) {
    const parameters = yield* accept(form)
    const client = yield* parts.authenticate(form, parameters)
    const thumbprint = yield* parts.proofs.verify(form)
    const grantType = parameters.get("grant_type")
    if (grantType === undefined) return yield* invalid("There is no grant_type")
    const grant = grants.get(grantType)
    return grant === undefined
      ? yield* Effect.fail(ProviderResponse.error("unsupported_grant_type"))
      : yield* grant(client, parameters, thumbprint)
  })
  const { answer } = parts.proofs
  return (form) => Effect.mapBoth(handle(form), { onFailure: answer, onSuccess: answer })
}

const backchannelAuthentication = (settings: Settings, { requests, tokens }: Parts): Grant =>
  Effect.fnUntraced(function* (client, parameters, thumbprint) {
    if (client.notification?.deliveryMode === "push") return yield* refuse("unauthorized_client")
    const authReqId = parameters.get("auth_req_id")
    if (authReqId === undefined) return yield* invalid("There is no auth_req_id")
    const entry = requests.find(authReqId)
    if (entry === undefined || entry.client !== client || entry.redeemed) return yield* refuse("invalid_grant")
    const now = yield* Clock.currentTimeMillis
    if (now >= entry.expiresAt) return yield* refuse("expired_token")
    if (settings.pacing !== "off" && now < entry.nextPollAt) return yield* refuse("slow_down")
    const decision = decided(entry, now)
    if (decision === undefined) return yield* refuse("authorization_pending")
    if (!decision.approved) return yield* refuse("access_denied")
    requests.redeem(authReqId)
    return yield* tokens.issue(entry, decision, thumbprint)
  })

/** Each refresh token is good for once (RFC 6749 section 6, RFC 9700 section 4.14.2). */
const refresh = ({ tokens }: Parts): Grant =>
  Effect.fnUntraced(function* (client, parameters, thumbprint) {
    const token = parameters.get("refresh_token")
    if (token === undefined) return yield* invalid("There is no refresh_token")
    const found = tokens.find(token, yield* Clock.currentTimeMillis)
    if (found?.kind !== "refresh_token" || found.entry.client !== client) return yield* refuse("invalid_grant")
    const scope = parameters.get("scope") ?? found.scope
    const granted = found.scope.split(" ")
    if (!scope.split(" ").every((value) => granted.includes(value))) return yield* refuse("invalid_scope")
    tokens.spend(token)
    return yield* tokens.issue(found.entry, found.approval, thumbprint, scope)
  })

const refuse = (code: string): Effect.Effect<never, ProviderResponse.ProviderResponse> =>
  Effect.fail(ProviderResponse.error(code))
