/** Whether an authentication belongs to the client and the provider at hand: an `auth_req_id` is nobody else's business. */
import { Effect } from "effect"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import type { PendingAuthentication } from "../pending/PendingAuthentication.ts"
import { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import type { ProviderMetadata } from "../provider/ProviderMetadata.ts"
import { ClientMismatch, TokenError } from "../token/TokenError.ts"

/** Gives the provider's metadata for an authentication of one's own, and fails for any other. */
export type EnsureSameClient = (
  pending: PendingAuthentication
) => Effect.Effect<ProviderMetadata, TokenError | DiscoveryError>

/** Judges by the registration and the provider at hand. */
export const make: Effect.Effect<EnsureSameClient, never, ClientRegistration | Discovery> = /* @__PURE__ */ Effect.gen(
  function* () {
    const registration = yield* ClientRegistration
    const discovery = yield* Discovery

    return Effect.fnUntraced(function* ({ clientId, issuer }) {
      const metadata = yield* discovery.metadata
      return issuer === metadata.issuer && clientId === registration.clientId
        ? metadata
        : yield* new TokenError({ reason: new ClientMismatch({ issuer, clientId }) })
    })
  }
)
