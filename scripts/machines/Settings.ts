// How many approvals there are, how often they are polled for, and how long each part of a run lasts. Times are seconds.

export interface Settings {
  readonly approvals: number
  readonly interval: number
  readonly pingFallback: number
  readonly requestTimeout: number
  /** Polls without faults, of which the writes are counted. */
  readonly calm: number
  /** End-users decide, until PostgreSQL is started again; machines are killed and frozen, and sockets cut. */
  readonly faults: number
  /** PostgreSQL is stopped. */
  readonly outage: number
  /** How long the last approvals may take after that. */
  readonly rest: number
  /**
   * Whether lateness, the time from ping to stored tokens and the writes of a poll are judged, or shown alone: they are as good as the machine is
   * idle. What is claimed and not sent in time is written for no poll.
   */
  readonly judgesMeasures: boolean
}

export const large: Settings = {
  approvals: 10_000,
  interval: 20,
  pingFallback: 30,
  requestTimeout: 10,
  calm: 40,
  faults: 180,
  outage: 30,
  rest: 90,
  judgesMeasures: true
}

export const small: Settings = {
  approvals: 1000,
  interval: 5,
  pingFallback: 10,
  requestTimeout: 8,
  calm: 10,
  faults: 20,
  outage: 8,
  rest: 25,
  judgesMeasures: false
}

/** For a run with a planted error. */
export const few: Settings = { ...small, approvals: 300, calm: 8, faults: 12, outage: 5, judgesMeasures: true }

/** For the terminal. */
export const demo: Settings = {
  approvals: 300,
  interval: 3,
  pingFallback: 6,
  requestTimeout: 6,
  calm: 0,
  faults: 20,
  outage: 0,
  rest: 20,
  judgesMeasures: false
}

/** What a claim holds, in milliseconds: docs/decisions/0040. */
export const leaseOf = ({ interval, requestTimeout }: Settings): number =>
  (Math.max(interval, requestTimeout) + 5) * 1000

export type Mode = "poll" | "ping"

export const modes: ReadonlyArray<Mode> = ["poll", "ping"]

/** What of the approvals is begun during the faults. */
export const lateShare = 0.1

export type Issuers = Readonly<Record<Mode, string>>

/** What each process is configured with. */
export interface Configuration {
  readonly name: string
  readonly settings: Settings
  readonly database: Database
  /** The sealing key, as base64url text. */
  readonly key: string
  readonly issuers: Issuers
  /** An error that the run has to find: the name of one of `Planted.ts`. */
  readonly planted: string | undefined
}

/** A folder with the socket of PostgreSQL, or a file of SQLite. */
export type Database = { readonly postgres: string } | { readonly sqlite: string }

export const readConfiguration = (): Configuration => JSON.parse(process.env.MACHINE ?? "{}")
