/**
 * Waits for the result in push mode: the provider sends it to the client's notification endpoint, and no token request is
 * made.
 *
 * @see CIBA Core 1.0 sections 10.3 and 12
 */
import { Clock, DateTime, Duration, Effect, Option, Redacted } from "effect"
import type { ClientRegistration } from "../client/ClientRegistration.ts"
import { NotificationInbox } from "../notification/NotificationInbox.ts"
import type { PendingAuthentication } from "../pending/PendingAuthentication.ts"
import { receive } from "../pending/ReceivedResponse.ts"
import type { Discovery } from "../provider/Discovery.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import type { TokenError } from "../token/TokenError.ts"
import * as TokenRequest from "../token/TokenRequest.ts"
import type { TokenResponse } from "../token/TokenResponse.ts"
import { Step } from "./CibaEvent.ts"
import { CibaEvents } from "./CibaEvents.ts"
import { makeExpiryError } from "./PollOutcome.ts"
import * as SameClient from "./SameClient.ts"

/** Waits until the provider has sent the result, or the request expires. The tokens are not verified yet. */
export type Wait = (pending: PendingAuthentication) => Effect.Effect<TokenResponse, TokenError | DiscoveryError>

/** Waits at the `NotificationInbox` of the context. */
export const make: Effect.Effect<Wait, never, ClientRegistration | Discovery | NotificationInbox | CibaEvents> =
  /* @__PURE__ */ Effect.gen(function* () {
    const ensureSameClient = yield* SameClient.make
    const inbox = yield* NotificationInbox
    const { publish } = yield* CibaEvents

    return Effect.fnUntraced(function* (pending) {
      const { expiresAt, id } = pending
      const early = yield* inbox.peek(pending)
      yield* ensureSameClient(pending)
      const left = DateTime.toEpochMillis(expiresAt) - (yield* Clock.currentTimeMillis)
      const { body } = Option.isSome(early)
        ? early.value
        : yield* Effect.timeoutOrElse(inbox.await(pending), {
            duration: Duration.millis(Math.max(0, left)),
            orElse: () => Effect.fail(makeExpiryError(undefined))
          })
      yield* publish(Step.Pushed({ id }))
      return yield* TokenRequest.decodeReceived(yield* receive(Redacted.value(body)), pending)
    })
  })
