// What is done to the machines: each is killed, frozen or cut off at random, by a seed; one of them is always left alone.
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { Child } from "./Child.ts"
import * as Log from "./Log.ts"
import { leaseOf, modes, type Settings } from "./Settings.ts"

export interface Fault {
  readonly kind: "kill" | "freeze" | "cut"
  readonly machine: string
  readonly at: number
  /** When the machine went on, or another process took its place; `Infinity` until then. */
  endedAt: number
  /** The waits that were claimed then, by their ids, each with the instant of its claim. */
  inFlight: ReadonlyMap<string, number>
}

/** A fault to come: after so many milliseconds, for so many. */
export interface Planned {
  readonly kind: Fault["kind"]
  readonly after: number
  readonly lasts: number
}

/** Of four faults one is a kill, one a cut, one freezes for less than a lease, and one for longer. */
export const plan = (settings: Settings, chance: () => number): ReadonlyArray<Planned> => {
  const lease = leaseOf(settings)
  const between = (least: number, most: number) => least + chance() * (most - least)
  const kinds: ReadonlyArray<() => Omit<Planned, "after">> = [
    () => ({ kind: "kill", lasts: between(500, 3000) }),
    () => ({ kind: "freeze", lasts: between(lease + 1000, lease + 3000) }),
    () => ({ kind: "cut", lasts: 0 }),
    () => ({ kind: "freeze", lasts: between(500, 5000) })
  ]
  const planned: Array<Planned> = []
  for (let after = 500; after < settings.faults * 1000; after += between(1000, 3000)) {
    const make = kinds[planned.length % kinds.length]
    if (make !== undefined) planned.push({ ...make(), after })
  }
  return planned
}

export interface Targets {
  readonly machines: ReadonlyArray<Child>
  /** Breaks the connections of a process to the provider. */
  readonly cut: (name: string) => void
  /** Its connections are cut, too, while it sends authentication requests. */
  readonly initiator: Child
  readonly onFault?: (fault: Fault) => void
}

/** How long a worker that starts leaves alone what others have claimed, in milliseconds: it does not count as one that works. */
const grace = 5000

/** Done when the last of them is over, and all machines work. */
export const apply = Effect.fnUntraced(function* (
  planned: ReadonlyArray<Planned>,
  { cut, initiator, machines, onFault = () => {} }: Targets,
  chance: () => number
) {
  const down = new Set<Child>()
  const faults: Array<Fault> = []

  const choose = (children: ReadonlyArray<Child>) => children[Math.floor(chance() * children.length)]

  const applyOne = Effect.fnUntraced(function* ({ after, kind, lasts }: Planned) {
    yield* Effect.sleep(after)
    const up = machines.filter((machine) => !down.has(machine))
    const machine = choose(kind === "cut" ? [...up, initiator] : up)
    if (machine === undefined || (kind !== "cut" && up.length === 1)) return
    const fault: Fault = {
      kind,
      machine: machine.name,
      at: Log.now(),
      endedAt: Number.POSITIVE_INFINITY,
      inFlight: new Map()
    }
    faults.push(fault)
    onFault(fault)
    if (kind === "cut") {
      cut(machine.name)
    } else {
      down.add(machine)
      machine.kill(kind === "kill" ? "SIGKILL" : "SIGSTOP")
      yield* Effect.forkChild(
        Effect.map(Effect.delay(readClaimed(fault.at), 500), (claims) => {
          fault.inFlight = claims
        })
      )
      yield* Effect.sleep(lasts)
      if (kind === "kill") yield* machine.restart
      else machine.kill("SIGCONT")
    }
    fault.endedAt = Log.now()
    if (kind === "kill") yield* Effect.sleep(grace)
    down.delete(machine)
  })
  yield* Effect.forEach(planned, applyOne, { concurrency: "unbounded", discard: true })
  return faults
})

/** What was claimed by then, and is still. */
const readClaimed = Effect.fnUntraced(function* (at: number) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* Effect.forEach(
    modes,
    (mode) =>
      sql<{ id: string; claimed_at: number | bigint }>`
      select id, claimed_at from ${sql(`${mode}_wait`)} where decided_at is null and claimed_at <= ${Math.ceil(at) + 100}`
  )
  return new Map(rows.flat().map(({ claimed_at, id }) => [id, Number(claimed_at)]))
})
