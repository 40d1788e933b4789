// What a run leaves for the judge.
import type { Fault } from "./Faults.ts"
import type { Log } from "./Log.ts"
import type { Mode, Settings } from "./Settings.ts"

/** A wait, as its row has it in the end. */
export interface Row {
  readonly id: string
  readonly mode: Mode
  readonly authReqId: string
  readonly outcome: string | undefined
  /** When tokens were stored, in milliseconds on the clock of the database. */
  readonly receivedAt: number | undefined
  readonly accessToken: string | undefined
}

/** What polls without faults have cost. */
export interface Calm {
  readonly polls: number
  readonly writes: number
  /** In bytes. */
  readonly wal: number
}

export interface Outage {
  readonly from: number
  readonly to: number
  /** The warnings of each worker, by its name and client. */
  readonly warnings: Readonly<Record<string, ReadonlyArray<string>>>
}

export interface Evidence {
  readonly settings: Settings
  readonly log: Log
  readonly faults: ReadonlyArray<Fault>
  readonly outage: Outage
  readonly rows: ReadonlyArray<Row>
  readonly calm: Calm
  /** What is used of a worker's heap with 1,000 and with 100,000 open waits, in bytes. */
  readonly heap: { readonly few: number; readonly many: number }
  readonly dump: string
  /** The sealing key and the client secret. */
  readonly secrets: ReadonlyArray<string>
}
