/** The introspection endpoint (RFC 7662). A client learns about its own tokens and about no others. */
import { Clock, Effect } from "effect"
import type { Authenticate } from "./ClientAuthenticator.ts"
import { accept, type FormRequest, invalid } from "./FormRequest.ts"
import type { IssuedTokens } from "./IssuedTokens.ts"
import * as ProviderResponse from "./ProviderResponse.ts"
import type { Settings } from "./Settings.ts"

export const make = (
  { issuer }: Settings,
  { authenticate, tokens }: { readonly authenticate: Authenticate; readonly tokens: IssuedTokens }
): ((form: FormRequest) => Effect.Effect<ProviderResponse.ProviderResponse, ProviderResponse.ProviderResponse>) =>
  Effect.fnUntraced(function* (form) {
    const parameters = yield* accept(form)
    const client = yield* authenticate(form, parameters)
    const token = parameters.get("token")
    if (token === undefined) return yield* invalid("There is no token")
    const found = tokens.find(token, yield* Clock.currentTimeMillis)
    if (found === undefined || found.entry.client !== client) return ProviderResponse.json(200, { active: false })
    const { entry, expiresAt, issuedAt, kind, scope, thumbprint } = found
    return ProviderResponse.json(200, {
      active: true,
      iss: issuer,
      client_id: client.clientId,
      sub: entry.user.subject,
      scope,
      iat: Math.floor(issuedAt / 1000),
      ...(kind === "refresh_token"
        ? undefined
        : { exp: Math.floor(expiresAt / 1000), token_type: thumbprint === undefined ? "Bearer" : "DPoP" }),
      ...(thumbprint === undefined ? undefined : { cnf: { jkt: thumbprint } })
    })
  })
