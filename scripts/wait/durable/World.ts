// What the model of the workers knows: the rows, two workers, and what the provider has done.
import type { TokenResponse, Transport } from "@effect-ciba/core"
import type { StoredWait, Wait } from "@effect-ciba/core/unstable/wait"
import type { Rows } from "./Rows.ts"

/** What drives a row: the real functions, or those with a planted error. */
export interface Functions {
  readonly table: typeof import("../../../packages/durable/src/internal/WaitTable.ts")
  readonly driver: typeof import("../../../packages/durable/src/internal/DrivenWait.ts")
}

export type State = Wait.State<TokenResponse.TokenResponse, Transport.TransportError>
export type Transition = Wait.Transition<TokenResponse.TokenResponse, Transport.TransportError>
export type Answer = Wait.Answer<TokenResponse.TokenResponse, Transport.TransportError>

/** What a worker has after a claim. */
export interface Held {
  readonly id: string
  readonly lease: number
  readonly claimedAt: number
  /** Whether the row has a token response. */
  readonly hasTokens: boolean
}

/** The next step of a worker, which is frozen as long as it is not taken. */
export type Worker =
  | { readonly at: "idle" }
  | { readonly at: "looking" | "receiving" | "verifying"; readonly held: Held; readonly state: State }
  | { readonly at: "polling"; readonly held: Held; readonly state: State; readonly answer: Answer }
  | {
      readonly at: "reporting"
      readonly held: Held
      readonly saved: StoredWait.Saved
      readonly wakeAt: number
    }
  | { readonly at: "deciding"; readonly held: Held; readonly outcome: Wait.Outcome }

export interface World {
  readonly now: number
  readonly rows: Rows
  readonly workers: readonly [Worker, Worker]
  /** The last lease that a claim was given. */
  readonly lease: number
  readonly lastSent: number | undefined
  /** The lease of the last poll. */
  readonly sentFor: number | undefined
  /** Whether the provider has issued tokens, and whether a worker has received them. */
  readonly tokens: "none" | "issued" | "received"
  /** A ping has come that no poll has followed. */
  readonly isPinged: boolean
  readonly notifications: number
  /** Polls that came sooner than the interval. */
  readonly early: number
  readonly faults: number
  readonly doubts: number
}
