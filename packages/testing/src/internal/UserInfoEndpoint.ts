/** The UserInfo endpoint (OpenID Connect Core 5.3): a resource with a Bearer or a DPoP token (RFC 6750, RFC 9449). */
import { Clock, Effect } from "effect"
import type { DpopProofs } from "./DpopProofs.ts"
import type { FormRequest } from "./FormRequest.ts"
import type { IssuedTokens } from "./IssuedTokens.ts"
import * as ProviderResponse from "./ProviderResponse.ts"
import { isPresented, thumbprintOf } from "./SenderConstraint.ts"
import type { Settings } from "./Settings.ts"

export const make = (
  settings: Settings,
  { proofs, tokens }: { readonly proofs: DpopProofs; readonly tokens: IssuedTokens }
): ((form: FormRequest) => Effect.Effect<ProviderResponse.ProviderResponse>) => {
  const handle = Effect.fnUntraced(function* (
    form: FormRequest
  ): Effect.fn.Return<ProviderResponse.ProviderResponse, ProviderResponse.ProviderResponse> {
    const [, scheme = "", token = ""] = /^(Bearer|DPoP) +(\S+)$/i.exec(form.headers.authorization ?? "") ?? []
    if (scheme === "") return challenge("Bearer")
    const found = tokens.find(token, yield* Clock.currentTimeMillis)
    if (found?.kind !== "access_token") return challenge(scheme, "invalid_token")
    const bound = thumbprintOf(found.confirmation)
    if (bound === undefined) {
      if (!/^bearer$/i.test(scheme) || !isPresented(found.confirmation, form.certificate)) {
        return challenge("Bearer", "invalid_token")
      }
    } else {
      if (!/^dpop$/i.test(scheme)) return challenge("DPoP", "invalid_token")
      const thumbprint = yield* Effect.mapError(proofs.verify(form, token), ({ error }) => challenge("DPoP", error))
      if (thumbprint !== bound) return challenge("DPoP", "invalid_dpop_proof")
    }
    return ProviderResponse.json(200, settings.userInfo({ sub: found.grant.subject }))
  })
  return (form) => Effect.map(Effect.catch(handle(form), Effect.succeed), proofs.addNonce)
}

const challenge = (scheme: string, error?: string): ProviderResponse.ProviderResponse =>
  ProviderResponse.empty(401, { "www-authenticate": error === undefined ? scheme : `${scheme} error="${error}"` })
