/** The revocation endpoint (RFC 7009). What is not the client's own, is left alone. */
import { Clock, Effect } from "effect"
import type { Authenticate } from "./ClientAuthenticator.ts"
import { accept, type FormRequest, invalid } from "./FormRequest.ts"
import type { IssuedTokens } from "./IssuedTokens.ts"
import * as ProviderResponse from "./ProviderResponse.ts"

export const make = ({
  authenticate,
  tokens
}: {
  readonly authenticate: Authenticate
  readonly tokens: IssuedTokens
}): ((form: FormRequest) => Effect.Effect<ProviderResponse.ProviderResponse, ProviderResponse.ProviderResponse>) =>
  Effect.fnUntraced(function* (form) {
    const parameters = yield* accept(form)
    const client = yield* authenticate(form, parameters)
    const token = parameters.get("token")
    if (token === undefined) return yield* invalid("There is no token")
    if (tokens.find(token, yield* Clock.currentTimeMillis)?.entry.client === client) tokens.revoke(token)
    return ProviderResponse.empty(200)
  })
