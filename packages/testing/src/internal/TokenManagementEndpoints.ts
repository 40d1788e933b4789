/** Introspection (RFC 7662) and revocation (RFC 7009): a client can introspect and revoke its own tokens alone. */
import { Clock, Effect } from "effect"
import type { Authenticate } from "./ClientAuthenticator.ts"
import { type FormRequest, type Handler, invalidRequest, readForm } from "./FormRequest.ts"
import type { IssuedToken, IssuedTokens } from "./IssuedTokens.ts"
import * as ProviderResponse from "./ProviderResponse.ts"
import { thumbprintOf } from "./SenderConstraint.ts"
import type { Settings } from "./Settings.ts"

export interface Parts {
  readonly authenticate: Authenticate
  readonly tokens: IssuedTokens
}

export const introspection = ({ issuer }: Settings, parts: Parts): Handler => {
  const find = findOwn(parts)
  return (form) =>
    Effect.map(find(form), ({ found }) => {
      if (found === undefined) return ProviderResponse.json(200, { active: false })
      const { confirmation, entry, expiresAt, grant, issuedAt, kind, scope } = found
      return ProviderResponse.json(200, {
        active: true,
        iss: issuer,
        client_id: entry.client.clientId,
        sub: grant.subject,
        scope,
        iat: Math.floor(issuedAt / 1000),
        ...(kind === "refresh_token"
          ? undefined
          : {
              exp: Math.floor(expiresAt / 1000),
              token_type: thumbprintOf(confirmation) === undefined ? "Bearer" : "DPoP"
            }),
        ...(confirmation === undefined ? undefined : { cnf: confirmation })
      })
    })
}

export const revocation = (parts: Parts): Handler => {
  const find = findOwn(parts)
  return (form) =>
    Effect.map(find(form), ({ found, token }) => {
      if (found !== undefined) parts.tokens.revoke(token)
      return ProviderResponse.empty(200)
    })
}

/** The token in the request, if it is a valid one of the client that sent it. */
const findOwn = ({ authenticate, tokens }: Parts) =>
  Effect.fnUntraced(function* (
    form: FormRequest
  ): Effect.fn.Return<
    { readonly token: string; readonly found: IssuedToken | undefined },
    ProviderResponse.ProviderResponse
  > {
    const parameters = yield* readForm(form)
    const client = yield* authenticate(form, parameters)
    const token = parameters.get("token")
    if (token === undefined) return yield* invalidRequest("There is no token")
    const found = tokens.find(token, yield* Clock.currentTimeMillis)
    return { token, found: found?.entry.client === client ? found : undefined }
  })
