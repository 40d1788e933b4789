// Waits that are played event by event, each at its instant.
import * as Wait from "../../src/wait/Wait.ts"

export type Transition = Wait.Transition<string, string>
export type Event = Wait.Event<string, string>
export type Answer = Wait.Answer<string, string>
export type Given = readonly [event: Event, at: number]

export const terms = (changes: Partial<Wait.Terms<string>> = {}): Wait.Terms<string> => ({
  ...Wait.defaults,
  delivery: "poll",
  isStored: false,
  interrupted: "interrupted",
  ...changes
})

export const start = (changes?: Partial<Wait.Terms<string>>, lifetime = 120_000): Transition =>
  Wait.start<string, string>(terms(changes), { interval: 5000, deadline: lifetime }, 0)

/** The transition of the last event. */
export const play = (from: Transition, ...events: ReadonlyArray<Given>): Transition =>
  events.reduce(([state], [event, at]) => Wait.step(state, event, at), from)

/** A poll that is sent when it is due, and answered a second later. */
export const poll = (at: number, answer: Answer): ReadonlyArray<Given> => [
  [{ _tag: "Due" }, at],
  [{ _tag: "Sent" }, at],
  [{ _tag: "Answered", answer }, at + 1000]
]

export const pending = { _tag: "Pending" } as const
export const tokens = { _tag: "Tokens", response: "tokens" } as const
export const reset = { _tag: "Fault", fault: "reset", isLost: true } as const
export const unreachable = { _tag: "Fault", fault: "unreachable", isLost: false } as const
