/** How far a wait has come, as a pending authentication stores it: all that the next process needs to go on. */
import { Schema } from "effect"
import { TransportError } from "../http/TransportError.ts"

/** The state of a wait without its terms. Instants are dates, since a monotonic clock does not survive its process. */
const Progress = Schema.Struct({
  version: Schema.Literal(1),
  /** What kind of wait it is: the terms on which it goes on. */
  kind: Schema.Literal("ciba"),
  /** The least time between two polls, with what every `slow_down` has added. */
  interval: Schema.Duration,
  /** How many polls were sent. */
  polls: Schema.Int,
  /** Consecutive faults, for the back-off. */
  faults: Schema.Int,
  /** The fault of the last poll, if it failed. */
  lastFault: Schema.optionalKey(TransportError),
  /** Why the response to a poll was lost: `auth_req_id` may have been redeemed by that poll. */
  lost: Schema.optionalKey(TransportError),
  ping: Schema.Literals(["none", "awaited", "received"]),
  phase: Schema.Union([
    /** No poll before `floor`, whatever arrives; the next one at `wakeAt`. */
    Schema.TaggedStruct("Sleeping", { wakeAt: Schema.DateTimeUtc, floor: Schema.DateTimeUtc }),
    /** A poll is in flight. */
    Schema.TaggedStruct("Polling", {}),
    /** The response has been received. `since` is when its verification first failed for want of the right keys. */
    Schema.TaggedStruct("Verifying", {
      since: Schema.optionalKey(Schema.DateTimeUtc),
      doubtedSince: Schema.optionalKey(Schema.DateTimeUtc),
      tries: Schema.optionalKey(Schema.Int)
    })
  ])
})

/** Schema of the progress of a wait. */
export const WaitProgress: typeof Progress = Progress

export type WaitProgress = typeof Progress.Type
