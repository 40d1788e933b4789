/** What a wait is made of: its state, what happens to it, and what is done about that. `Wait` has the functions. */

/** What is the same for all waits of a client. */
export interface Terms<Fault> {
  readonly delivery: "poll" | "ping" | "push"
  /** The least time between two polls until a ping arrives. */
  readonly pingFallback: number
  /** What each slow down adds to the interval. */
  readonly slowDown: number
  readonly maxBackoff: number
  /** The time that the last poll before the deadline leaves for its response. */
  readonly margin: number
  /** The delay before keys that were unavailable are requested again; it doubles each time. */
  readonly keyDelay: number
  /** How long a response whose verification failed for want of the right keys is verified again. */
  readonly doubtLimit: number
  /** Whether each change is stored before it is acted on. */
  readonly isStored: boolean
  /** Whether a poll after a ping, too, keeps the interval from the poll before. */
  readonly notifiedKeepsInterval: boolean
  /** What is stored as the lost response while a poll is in flight. */
  readonly interrupted: Fault
}

/** What a wait begins with. */
export interface Beginning {
  readonly interval: number
  readonly deadline: number
  /** Another process had the wait before. */
  readonly mayHaveMissedPing?: boolean
}

/** A wait. `Response` is what the polls are for, `Fault` why one failed: the wait does not look into them. */
export interface State<Response, Fault> {
  readonly terms: Terms<Fault>
  /** No poll is sent at or after this instant. */
  readonly deadline: number
  /** The least time between two polls, with what every slow down has added. */
  readonly interval: number
  /** How many polls were sent. */
  readonly polls: number
  /** Consecutive faults, for the back-off. */
  readonly faults: number
  /** The fault of the last poll, if it failed. */
  readonly lastFault: Fault | undefined
  /** The fault of a poll whose response may have held tokens, unless a later response has shown that the handle is alive. */
  readonly lost: Fault | undefined
  /** `awaited`: it may come; `received`: no poll has been sent since; `none`: nothing more is expected of it. */
  readonly ping: "none" | "awaited" | "received"
  readonly phase: Phase<Response>
}

/** What a wait is doing. */
export type Phase<Response> =
  | Sleeping
  /** What is next is being stored; it happens when that is done. */
  | { readonly _tag: "Saving"; readonly next: Next<Response> }
  /** A poll is being made, or is in flight. A cancelled wait awaits its response. */
  | { readonly _tag: "Polling"; readonly sentAt: number | undefined; readonly isCancelled: boolean }
  | Verifying<Response>
  /** Over for now: the next caller goes on from here. */
  | { readonly _tag: "Suspended"; readonly outcome: Outcome; readonly next: Sleeping | Verifying<Response> }
  | Done

/** Until the next poll; a ping does not lead to one before `floor`. */
export interface Sleeping {
  readonly _tag: "Sleeping"
  readonly wakeAt: number
  readonly floor: number
}

/** The response has arrived. `since` is when its verification first failed for want of the right keys: `doubtedSince`, though there were keys. */
export interface Verifying<Response> {
  readonly _tag: "Verifying"
  readonly response: Response
  readonly since: number | undefined
  readonly doubtedSince: number | undefined
  readonly tries: number
  readonly retryAt: number | undefined
}

export interface Done {
  readonly _tag: "Done"
  readonly outcome: Outcome
  readonly isHandled: boolean
}

export type Next<Response> =
  | Exclude<Phase<Response>, { readonly _tag: "Saving" | "Polling" }>
  | { readonly _tag: "Sending" }

/**
 * How a wait ended.
 *
 * - `Verified`, `Rejected`: by the verification of the response
 * - `Refused`: by an error response
 * - `Expired`, `Unknown`: at the deadline, or by the loss of the handle; `Unknown` after a lost response
 * - `Stopped`: by the caller's schedule, `KeysUnavailable`: for want of keys; both can be resumed
 * - `Cancelled`: by the caller
 */
export type Outcome =
  | "Verified"
  | "Rejected"
  | "Refused"
  | "Expired"
  | "Unknown"
  | "Stopped"
  | "KeysUnavailable"
  | "Cancelled"

/** What a poll met. */
export type Answer<Response, Fault> =
  | { readonly _tag: "Pending" | "SlowDown"; readonly retryAfter?: number | undefined }
  | { readonly _tag: "Tokens"; readonly response: Response }
  /** The handle is not valid any more. */
  | { readonly _tag: "Gone" }
  /** An error response. If it is not final, the wait can be resumed when its cause is mended. */
  | { readonly _tag: "Refused"; readonly isFinal: boolean }
  | Failed<Fault>

/** No response that the protocol knows. `isLost`: it may have held tokens. */
export interface Failed<Fault> {
  readonly _tag: "Fault"
  readonly fault: Fault
  readonly isLost: boolean
  readonly timedOut?: boolean
  readonly retryAfter?: number | undefined
}

/** What happens to a wait. */
export type Event<Response, Fault> =
  /** `wakeAt` has come. */
  | { readonly _tag: "Due" }
  | { readonly _tag: "Saved" }
  /** The poll leaves now. */
  | { readonly _tag: "Sent" }
  /** `pace` is what the caller's own schedule says after this answer: the least delay, or the end. */
  | {
      readonly _tag: "Answered"
      readonly answer: Answer<Response, Fault>
      readonly pace?: number | "stop" | undefined
    }
  | { readonly _tag: "Pinged" }
  | { readonly _tag: "Pushed"; readonly answer: Extract<Answer<Response, Fault>, { _tag: "Tokens" | "Refused" }> }
  | { readonly _tag: "Verified" | "Rejected" | "KeysUnavailable" }
  /** The right keys may not have been published yet; `retryAfter` is when they can be requested again. */
  | { readonly _tag: "Doubted"; readonly retryAfter: number }
  /** No caller waits any more. */
  | { readonly _tag: "Interrupted" }
  /** A caller waits again. */
  | { readonly _tag: "Resumed" }
  /** The result is not wanted; tokens that a poll in flight brings are. */
  | { readonly _tag: "Cancelled" }
  /** The outcome has been handled. */
  | { readonly _tag: "Handled" }

/** What to do about an event. */
export type Command<Response> =
  /** Store `snapshot(state)`, then report `Saved`. */
  | { readonly _tag: "Save" }
  /** Report `Sent` and `Answered`. */
  | { readonly _tag: "SendPoll" }
  /** Abort the poll or the verification that is under way. */
  | { readonly _tag: "Abort" }
  /** Report `Verified`, `Rejected`, `Doubted` or `KeysUnavailable`. */
  | { readonly _tag: "Verify"; readonly response: Response }
  | { readonly _tag: "Complete"; readonly outcome: Outcome }
  /** Nothing of the wait is needed any more. */
  | { readonly _tag: "Remove" }

/** The state after an event, and what to do in this order. */
export type Transition<Response, Fault> = readonly [State<Response, Fault>, ReadonlyArray<Command<Response>>]

/** What survives the process: the state without its terms. */
export interface Saved<Response, Fault> extends Omit<State<Response, Fault>, "terms" | "phase"> {
  readonly version: 1
  readonly phase: Sleeping | { readonly _tag: "Polling" } | Omit<Verifying<Response>, "retryAt">
}
