// The processes of a run: the provider, three machines, and the one that begins the approvals.
import { randomBytes } from "node:crypto"
import { Effect, type Scope } from "effect"
import * as Child from "./Child.ts"
import type { Begin } from "./initiator.ts"
import type { Log } from "./Log.ts"
import * as Programs from "./Programs.ts"
import type { Configuration, Database, Issuers, Settings } from "./Settings.ts"

export interface Cast {
  readonly configuration: Configuration
  readonly machines: ReadonlyArray<Child.Child>
  readonly initiator: Child.Child
  readonly begin: (begin: Begin) => Effect.Effect<void>
  /** The end-users decide on what is pending now, within so many seconds. */
  readonly decide: (seconds: number) => void
  /** Breaks the connections of a process to the provider. */
  readonly cut: (name: string) => void
  /** What the provider has seen so far. */
  readonly readLog: Effect.Effect<Log>
}

export interface Options {
  readonly settings: Settings
  readonly database: Database
  readonly planted: string | undefined
  readonly onLog: (machine: string, entry: Child.Entry) => void
}

/** The provider's addresses, as it reports them. */
interface Addresses {
  readonly issuers: Issuers
  readonly log: string
}

export const make = Effect.fnUntraced(function* ({
  onLog,
  ...given
}: Options): Effect.fn.Return<Cast, never, Scope.Scope> {
  const key = randomBytes(32).toString("base64url")
  const unaddressed = { ...given, key, issuers: { poll: "", ping: "" } }
  let addresses: Addresses = { issuers: unaddressed.issuers, log: "" }
  const programs = yield* Programs.build
  const provider = yield* Child.make<Addresses>({
    program: programs.provider,
    configuration: { ...unaddressed, name: "provider" },
    onReady: (ready) => {
      addresses = ready
    }
  })
  const configure = (name: string): Configuration => ({ ...unaddressed, issuers: addresses.issuers, name })
  // The first one creates the tables.
  const initiator = yield* Child.make({ program: programs.initiator, configuration: configure("initiator") })
  const machines = yield* Effect.forEach(
    ["one", "two", "three"],
    (name) =>
      Child.make<number>({
        program: programs.worker,
        configuration: configure(name),
        onLog: (entry) => onLog(name, entry),
        onReady: (port) => provider.send({ machine: name, port })
      }),
    { concurrency: "unbounded" }
  )
  return {
    configuration: configure("judge"),
    machines,
    initiator,
    begin: (begin) => Effect.asVoid(initiator.ask(begin)),
    decide: (seconds) => provider.send({ decideWithin: seconds }),
    cut: (name) => provider.send({ cut: name }),
    readLog: Effect.promise(() => fetch(addresses.log).then((response) => response.json()))
  }
})
