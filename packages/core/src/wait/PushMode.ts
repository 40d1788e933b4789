/**
 * Waits for the result in push mode: the provider sends it to the client's notification endpoint, and no token request is
 * made.
 *
 * @see CIBA Core 1.0 sections 10.3 and 12
 */
import { Effect, type Scope } from "effect"
import type { ClientRegistration } from "../client/ClientRegistration.ts"
import type { NotificationInbox } from "../notification/NotificationInbox.ts"
import type { Discovery } from "../provider/Discovery.ts"
import * as SameClient from "./SameClient.ts"
import * as WaitDriver from "./WaitDriver.ts"

/** The waits of a client that is registered for push delivery, at the `NotificationInbox` of the context. */
export const makeDriver: Effect.Effect<
  WaitDriver.Service,
  never,
  ClientRegistration | Discovery | NotificationInbox | WaitDriver.Requirements | Scope.Scope
> = Effect.flatMap(SameClient.make, (ensureSameClient) =>
  WaitDriver.make({
    prepare: (pending) => Effect.as(ensureSameClient(pending), undefined),
    pingFallback: 0,
    schedule: undefined
  })
)
