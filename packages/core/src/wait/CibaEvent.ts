/**
 * What happens to an authentication: `Ciba.events` publishes it, for a user interface that shows progress, or for a log.
 *
 * **Details**
 *
 * - An event names its authentication by the `id` of the pending authentication. It has no secret and no data of the
 *   end-user.
 * - A subscriber receives the events from its subscription on. One that falls behind by more than 4096 events loses the
 *   oldest.
 *
 * **Example** (Formatting an event)
 *
 * ```ts
 * import { CibaEvent } from "@effect-ciba/core"
 * import { DateTime, Duration } from "effect"
 *
 * const format = (event: CibaEvent.CibaEvent): string => {
 *   switch (event._tag) {
 *     case "StillPending":
 *       return `waiting, the next poll follows in ${Duration.toSeconds(event.interval)} s`
 *     case "Completed":
 *       return `completed: ${event.outcome}`
 *     default:
 *       return event._tag
 *   }
 * }
 *
 * const step = CibaEvent.Step.StillPending({ id: "login", interval: Duration.seconds(5) })
 *
 * format({ ...step, at: DateTime.makeUnsafe(0) }) // => "waiting, the next poll follows in 5 s"
 * ```
 *
 * @see CIBA Core 1.0 sections 7.3, 10 and 11
 */
import { Data, type DateTime, type Duration } from "effect"
import type { DeliveryMode } from "../client/DeliveryMode.ts"
import type { Kind } from "../http/TransportError.ts"

interface Identified {
  /** The `id` of the pending authentication. */
  readonly id: string
}

/**
 * A step of an authentication.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Step = Data.TaggedEnum<{
  /** The provider has acknowledged the request, and contacts the end-user. */
  Acknowledged: Identified & { readonly deliveryMode: DeliveryMode; readonly expiresAt: DateTime.Utc }
  /** A wait is resumed that another call, or another process, began. */
  Resumed: Identified & { readonly expiresAt: DateTime.Utc }
  /** The end-user has not decided yet (`authorization_pending`). */
  StillPending: Identified & { readonly interval: Duration.Duration }
  /** The provider has asked for less frequent polls (`slow_down`). */
  SlowedDown: Identified & { readonly interval: Duration.Duration }
  /** A token request is being sent. */
  Polled: Identified
  /** A poll failed, and the wait continues. */
  PollFailed: Identified & { readonly kind: typeof Kind.Type; readonly status: number | undefined }
  /** A ping has arrived: the result is ready. */
  Pinged: Identified
  /** A push has arrived, with the result. */
  Pushed: Identified
  /** The authentication has ended; `outcome` is `approved`, or the tag of the error's reason. */
  Completed: Identified & { readonly outcome: string }
}>

/**
 * A step, and the time at which it happened.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type CibaEvent = Step & { readonly at: DateTime.Utc }

/**
 * The constructors of steps.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const Step: Data.TaggedEnum.Constructor<Step> = Data.taggedEnum<Step>()
