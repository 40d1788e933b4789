/** A token response as a pending authentication stores it: it has been received, and is not verified. */
import { DateTime, Effect, Redacted, type Schema } from "effect"
import type { PendingAuthentication } from "./PendingAuthentication.ts"

/**
 * The body of a token response and the time of its receipt, as a pending authentication stores them.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type ReceivedResponse = NonNullable<PendingAuthentication["received"]>

/**
 * The body of a token response, received now.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const receive = (body: Schema.Json): Effect.Effect<ReceivedResponse> =>
  Effect.map(DateTime.now, (at) => ({ body: Redacted.make(body, { label: "token response" }), at }))
