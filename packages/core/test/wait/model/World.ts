// What the model of a wait knows: the wait, its driver, its store, and what the provider has decided.
import type { Answer, Command, Event, Saved, State, Terms } from "../../../src/wait/Wait.ts"

export type WaitState = State<string, string>
export type WaitSaved = Saved<string, string>
export type WaitEvent = Event<string, string>
export type WaitAnswer = Answer<string, string>
export type WaitCommand = Command<string>
export type WaitTerms = Terms<string>

/** The functions of the wait: the real ones, or those with a planted error. */
export type Functions = typeof import("../../../src/wait/Wait.ts")

export interface World {
  readonly now: number
  readonly state: WaitState
  readonly stored: WaitSaved | undefined
  /** What the driver is doing. */
  readonly saving: WaitSaved | undefined
  readonly poll: "none" | "made" | "sent"
  readonly isVerifying: boolean
  /** Whether the provider has issued tokens, and whether they have arrived. */
  readonly tokens: "none" | "lost" | "received"
  readonly interval: number
  readonly lastSent: number | undefined
  /** When the response to the last poll came; `undefined` if it was never read. */
  readonly lastAnswered: number | undefined
  /** Until when no poll may be sent, whatever happens: the provider has asked for it, or the last poll timed out. */
  readonly floor: number
  /** The provider held the last poll for an interval or longer. */
  readonly isHeld: boolean
  /** A ping has come that no poll has followed. */
  readonly isPinged: boolean
  readonly completed: boolean
  readonly pings: number
  readonly crashes: number
  readonly interrupts: number
  readonly cancels: number
  readonly resumes: number
}
