/** A poll from when it is due until its answer counts. */
import type { Fiber } from "effect"
import type * as Slots from "../internal/Slots.ts"
import type * as PollOutcome from "./PollOutcome.ts"

export type DuePoll =
  | { readonly _tag: "Queued"; readonly turn: Slots.Turn }
  /** Until the provider's pause is over, or the last instant for a poll. */
  | { readonly _tag: "Paused"; readonly until: number }
  | Running
  /** Its answer waits for what the caller's schedule says, until the deadline at the latest. */
  | { readonly _tag: "Pacing"; readonly fiber: Fiber.Fiber<unknown>; readonly answer: PollOutcome.Continuing }

/** It is being prepared, or has been sent. */
export interface Running {
  readonly _tag: "Running"
  /** `undefined` until it is first suspended. */
  fiber: Fiber.Fiber<unknown> | undefined
  /** Whether a response is awaited. */
  isSent: boolean
  /** When it has lasted too long, if that is limited here. */
  limitAt: number | undefined
  isTooLong: boolean
}

export const makeRunning = (): Running => ({
  _tag: "Running",
  fiber: undefined,
  isSent: false,
  limitAt: undefined,
  isTooLong: false
})

/** When it needs something, if not at the deadline. */
export const wakeAt = (poll: DuePoll | undefined, deadline: number): number | undefined => {
  switch (poll?._tag) {
    case "Paused":
      return poll.until
    case "Running":
      return poll.limitAt
    case "Pacing":
      return deadline
    default:
      return undefined
  }
}

/** The fiber that carries it out. */
export const fiberOf = (poll: DuePoll | undefined): Fiber.Fiber<unknown> | undefined =>
  poll?._tag === "Running" || poll?._tag === "Pacing" ? poll.fiber : undefined
