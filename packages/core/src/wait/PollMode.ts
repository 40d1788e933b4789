/** The waits of a client that polls, in poll and ping mode. `Poll` is the service over them. */
import { Duration, Effect, type Scope } from "effect"
import { ClientRegistration } from "../client/ClientRegistration.ts"
import * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import type { Transport } from "../http/Transport.ts"
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

/** The waits of a client that polls. */
export const makeDriver = Effect.fnUntraced(function* (
  options?: Options
): Effect.fn.Return<WaitDriver.Service, never, Requirements | Scope.Scope> {
  const { idTokenSignedResponseAlg } = yield* ClientRegistration
  const keys = yield* ProviderKeys
  const ensureSameClient = yield* SameClient.make
  const preparePolls = yield* PollRequest.make(options)
  const fetchKeys = JwsAlgorithm.isSymmetric(idTokenSignedResponseAlg) ? Effect.void : Effect.ignore(keys.prefetch)

  return yield* WaitDriver.make({
    prepare: (pending) =>
      Effect.flatMap(ensureSameClient(pending), (metadata) =>
        pending.deliveryMode === "push"
          ? Effect.fail(new TokenError({ reason: new PushDelivery() }))
          : Effect.andThen(runInBackground(fetchKeys), preparePolls(metadata, pending))
      ),
    pingFallback: Duration.toMillis(options?.pingFallback ?? "30 seconds"),
    schedule: options?.schedule
  })
})

/** Runs an effect without waiting for it: the wait goes on if it hangs. */
const runInBackground = (effect: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.withFiber(({ context }) => {
    Effect.runForkWith(context)(effect)
    return Effect.void
  })
