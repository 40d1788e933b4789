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

export const complete = (outcome: Wait.Outcome) => ({ _tag: "Complete", outcome }) as const
export const save = { _tag: "Save" } as const
export const abort = { _tag: "Abort" } as const
export const sendPoll = { _tag: "SendPoll" } as const
export const verify = { _tag: "Verify", response: "tokens" } as const

export const due = (at: number): Given => [{ _tag: "Due" }, at]
export const send = (at: number): Given => [{ _tag: "Sent" }, at]
export const store = (at: number): Given => [{ _tag: "Saved" }, at]
export const answer = (met: Answer, at: number): Given => [{ _tag: "Answered", answer: met }, at]
export const ping = (at: number): Given => [{ _tag: "Pinged" }, at]
export const interrupt = (at: number): Given => [{ _tag: "Interrupted" }, at]
export const cancel = (at: number): Given => [{ _tag: "Cancelled" }, at]

export const make = (from: Transition) => play(from, due(5000))
export const inFlight = (from: Transition) => play(make(from), send(5000))
export const refuse = (isFinal: boolean) => play(start(), ...poll(5000, { _tag: "Refused", isFinal }))
export const startVerification = () => play(start(), ...poll(5000, tokens))
export const startSaving = () => play(start({ isStored: true }), store(0), due(5000))
