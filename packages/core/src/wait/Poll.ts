/**
 * Waits for the end-user's decision by polling the token endpoint, in poll and ping mode.
 *
 * **When to use**
 *
 * `Ciba.complete` waits and verifies. Use `Poll` alone to get the unverified token response of a pending authentication.
 *
 * **Details**
 *
 * - The wait ends with a final response of the provider, or when the request expires. Connection resets, timeouts, 429,
 *   5xx and HTML error pages do not end it.
 * - There is one wait per `auth_req_id`: concurrent callers share it, and it stops when the last of them is interrupted.
 * - Polls go to the endpoint that the metadata named when the wait began. While the metadata cannot be fetched, the wait
 *   tries again until the request expires. The provider's keys are fetched while it waits.
 * - The token response is retained until `forget`: another wait for the same `auth_req_id` gets it without a request.
 * - In ping mode a ping triggers the next poll. Until it arrives polls are less frequent: a
 *   lost ping costs time, and nothing else.
 * - With a `PendingStore`, progress is stored before each poll and after each response. A resumed wait polls no earlier
 *   than the interrupted one would have; after a poll whose response was lost, it polls a full interval later.
 * - The expiry is measured on the monotonic clock from the start of the wait: a change of the system time does not move
 *   it.
 *
 * **Example** (Polling no more often than every ten seconds)
 *
 * ```ts
 * import { Poll } from "@effect-ciba/core"
 * import { Schedule } from "effect"
 *
 * const options: Poll.Options = {
 *   schedule: (policy) => policy.pipe(Schedule.jittered, Schedule.upTo({ times: 20 }))
 * }
 *
 * Object.keys(options) // => ["schedule"]
 * ```
 *
 * @see CIBA Core 1.0 sections 10.1 and 11
 */
import { Context, Effect, Layer, type Scope } from "effect"
import type { InvalidOption } from "../http/InvalidOption.ts"
import type { PendingAuthentication } from "../pending/PendingAuthentication.ts"
import type { DiscoveryError } from "../provider/DiscoveryError.ts"
import type { TokenError } from "../token/TokenError.ts"
import type { TokenResponse } from "../token/TokenResponse.ts"
import { makeDriver, type Options, type Requirements } from "./PollMode.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export type { Options } from "./PollMode.ts"

/**
 * Waits for token responses; concurrent waits for the same `auth_req_id` are one.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /** Polls until the provider's response ends the wait. The tokens are not verified. */
  readonly wait: (pending: PendingAuthentication) => Effect.Effect<TokenResponse, TokenError | DiscoveryError>
  /** Releases the token response, which is retained until then. */
  readonly forget: (pending: PendingAuthentication) => Effect.Effect<void>
}

/**
 * Waits for token responses by polling.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class Poll extends Context.Service<Poll, Service>()("@effect-ciba/core/Poll") {}

/**
 * @since 0.1.0
 * @stability unstable
 */
export type { Requirements } from "./PollMode.ts"

/**
 * A `Poll` for the configured client; it uses the `PendingStore` of the context if present, and in ping mode the
 * `NotificationInbox`, without which it fails. It fails for an option with which no poll can be sent, too.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = (options?: Options): Effect.Effect<Service, InvalidOption, Requirements | Scope.Scope> =>
  Effect.map(makeDriver(options), Poll.of)

/**
 * Polls the token endpoint of the configured provider.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (options?: Options): Layer.Layer<Poll, InvalidOption, Requirements> =>
  Layer.effect(Poll, make(options))
