/** The waits of a client that polls, in poll and ping mode. `Poll` is the service over them. */
import { Duration, Effect, Option, type Scope } from "effect"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import { ensureDuration, InvalidOption } from "../http/InvalidOption.ts"
import type { Transport } from "../http/Transport.ts"
import { NotificationInbox } from "../notification/NotificationInbox.ts"
import type { PendingAuthentication } from "../pending/PendingAuthentication.ts"
import type { Discovery } from "../provider/Discovery.ts"
import { ProviderKeys } from "../provider/ProviderKeys.ts"
import * as PollRequest from "../token/PollRequest.ts"
import { PushDelivery, TokenError } from "../token/TokenError.ts"
import type { Compose } from "./Pace.ts"
import * as SameClient from "./SameClient.ts"
import * as WaitDriver from "./WaitDriver.ts"

/**
 * How the token endpoint is polled.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options extends PollRequest.Options {
  /** Makes polls after the first less frequent, or limits their number; it starts again with each wait. It cannot make polls more frequent. */
  readonly schedule?: Compose | undefined
  /** The least time between two polls until a ping arrives; 30 seconds by default. */
  readonly pingFallback?: Duration.Input | undefined
}

/**
 * The services that a wait uses.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Requirements = ClientRegistration | Discovery | ProviderKeys | Transport | WaitDriver.Requirements

/** The waits of a client that polls. Fails for an option with which no poll can be sent, and in ping mode without an inbox. */
export const makeDriver = Effect.fnUntraced(function* (
  options?: Options
): Effect.fn.Return<WaitDriver.Service, InvalidOption, Requirements | Scope.Scope> {
  const { deliveryMode } = yield* ClientRegistration
  if (deliveryMode === "ping" && Option.isNone(yield* Effect.serviceOption(NotificationInbox))) {
    return yield* new InvalidOption({ option: "deliveryMode", problem: noInbox })
  }
  const pingFallback = yield* ensureDuration("poll.pingFallback", options?.pingFallback ?? "30 seconds")
  return yield* WaitDriver.make({
    prepare: yield* makePrepare(options),
    pingFallback: Duration.toMillis(pingFallback),
    schedule: options?.schedule
  })
})

/** Prepares the polls of a wait, for any driver. Fails for an option with which no poll can be sent. */
export const makePrepare = Effect.fnUntraced(function* (
  options?: PollRequest.Options
): Effect.fn.Return<
  (pending: PendingAuthentication) => Effect.Effect<PollRequest.Polls, WaitDriver.WaitError>,
  InvalidOption,
  ClientRegistration | Discovery | ProviderKeys | Transport
> {
  const { idTokenSignedResponseAlg } = yield* ClientRegistration
  yield* PollRequest.ensureSendable(options)
  const keys = yield* ProviderKeys
  const ensureSameClient = yield* SameClient.make
  const preparePolls = yield* PollRequest.make(options)
  const fetchKeys = JwsAlgorithm.isSymmetric(idTokenSignedResponseAlg) ? Effect.void : Effect.ignore(keys.prefetch)
  return (pending) =>
    Effect.flatMap(ensureSameClient(pending), (metadata) =>
      pending.deliveryMode === "push"
        ? Effect.fail(new TokenError({ reason: new PushDelivery() }))
        : Effect.andThen(runInBackground(fetchKeys), preparePolls(metadata, pending))
    )
})

const noInbox = "pings need somewhere to arrive; provide NotificationInbox.layer, or register the client for poll"

/** Runs an effect without waiting for it: the wait goes on if it hangs. */
const runInBackground = (effect: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.withFiber(({ context }) => {
    Effect.runForkWith(context)(effect)
    return Effect.void
  })
