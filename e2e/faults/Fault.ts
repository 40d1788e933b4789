// A fault, and what it shows of a client.
import type { Socket } from "node:net"
import type { Duration, Effect } from "effect"
import type * as ProviderServer from "../ProviderServer.ts"
import type { Observation } from "./Observation.ts"

/** What a trial lets a fault do. */
export interface Stage {
  readonly provider: ProviderServer.Service
  /** Waits until so many requests to this path have arrived. */
  readonly awaitRequests: (path: string, count: number) => Effect.Effect<void>
  /** Sends the provider's ping or push to the client, with another bearer token if one is given. */
  readonly notify: (token?: string) => Effect.Effect<void>
  /** Writes a body without an end, and resets the connection once the client has taken 64 MiB of it. */
  readonly flood: (socket: Socket) => void
}

export interface Fault {
  readonly title: string
  /** The row of docs/requirements.md that says what a client has to do. */
  readonly row: string
  /** How the provider differs from one that approves at the first token request; `elsewhere` is another host. */
  readonly provider?: (elsewhere: string) => ProviderServer.Options
  /** Takes the connections of these token requests, the first of which is 1. */
  readonly take?: Readonly<Record<number, (socket: Socket, stage: Stage) => void>>
  /** Happens while the client waits. */
  readonly meanwhile?: (stage: Stage) => Effect.Effect<void>
  /** Runs on a client that completed another authentication this long ago. */
  readonly after?: Duration.Input
  /** What the client has to have for it. */
  readonly needs?: "DPoP" | "ping" | "push"
  /** Clients that verify signatures as an option are tried without it and with it. */
  readonly signature?: true
  /** The least pauses before the token requests, in seconds: from the acknowledgement, then from one to the next. */
  readonly pauses?: ReadonlyArray<number>
  /** Ends the trial after these seconds; 60 by default. */
  readonly limit?: number
  /** Whether the client did what the row asks. */
  readonly holds: (observation: Observation) => boolean
  /** The reason with which effect-ciba has to reject. */
  readonly reason?: string
}

/** Faults that the same words describe. */
export interface Kind {
  readonly title: string
  /** What the README counts. */
  readonly summary: string
  readonly faults: ReadonlyArray<Fault>
  readonly describe: (observation: Observation) => string
}
