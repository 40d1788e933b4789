/** Ensures that an `auth_req_id` is sent to no provider other than the one that issued it, and only as the client that it was issued to. */
import { Effect } from "effect"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import type { PendingAuthentication } from "../pending/PendingAuthentication.ts"
import { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import type { ProviderMetadata } from "../provider/ProviderMetadata.ts"
import { ClientMismatch, TokenError } from "../token/TokenError.ts"

/** Succeeds with the provider's metadata; fails for an authentication of another client or another provider. */
export type EnsureSameClient = (
  pending: PendingAuthentication
) => Effect.Effect<ProviderMetadata, TokenError | DiscoveryError>

/** Compares with the configured registration and provider. */
export const make: Effect.Effect<EnsureSameClient, never, ClientRegistration | Discovery> = Effect.gen(function* () {
  const registration = yield* ClientRegistration
  const discovery = yield* Discovery

  return ({ clientId, issuer }) =>
    Effect.flatMap(discovery.metadata, (metadata) =>
      issuer === metadata.issuer && clientId === registration.clientId
        ? Effect.succeed(metadata)
        : Effect.fail(new TokenError({ reason: new ClientMismatch({ issuer, clientId }) }))
    )
})
