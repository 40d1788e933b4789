/**
 * What can happen to an authentication. An event names it by `id`, and holds no secret and nothing of the person.
 */
import { Data, type DateTime, type Duration } from "effect"
import type { DeliveryMode } from "../client/DeliveryMode.ts"
import type { Kind } from "../http/TransportError.ts"

interface Named {
  /** The `id` of the pending authentication. */
  readonly id: string
}

/** A step. */
export type Step = Data.TaggedEnum<{
  /** The provider has taken the request; the person is being asked. */
  Acknowledged: Named & { readonly deliveryMode: DeliveryMode; readonly expiresAt: DateTime.Utc }
  /** A wait goes on that another call, or another process, began. */
  Resumed: Named & { readonly expiresAt: DateTime.Utc }
  /** The person has not answered yet. */
  StillPending: Named & { readonly interval: Duration.Duration }
  /** The provider wants fewer polls. */
  SlowedDown: Named & { readonly interval: Duration.Duration }
  /** A poll is on its way. */
  Polled: Named
  /** A poll failed, and the wait rides it out. */
  PollFailed: Named & { readonly kind: typeof Kind.Type; readonly status: number | undefined }
  /** The provider has called: the result is ready. */
  Pinged: Named
  /** The provider has sent the result. */
  Pushed: Named
  /** It is over: `approved`, or the tag of the reason. */
  Completed: Named & { readonly outcome: string }
}>

/** A step, and when it happened. */
export type CibaEvent = Step & { readonly at: DateTime.Utc }

/** The constructors of steps. */
export const Step: Data.TaggedEnum.Constructor<Step> = Data.taggedEnum<Step>()
