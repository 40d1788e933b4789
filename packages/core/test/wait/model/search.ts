// Explores all that can follow from a world, breadth-first.
import { hash } from "node:crypto"
import { must, Violation } from "./Violation.ts"

export interface Report {
  readonly states: number
  readonly transitions: number
  /** The broken rule, and the shortest way to it. */
  readonly violation: { readonly rule: string; readonly trail: ReadonlyArray<string> } | undefined
}

export interface Model<W> {
  readonly first: W
  /** Everything that can happen next, by its name; it throws a `Violation` if a rule is broken. */
  readonly moves: (world: W) => ReadonlyArray<readonly [name: string, world: W]>
  /** What distinguishes two worlds. */
  readonly identify: (world: W) => string
  /** More states than that are a violation, too. */
  readonly limit?: number | undefined
}

interface Arrival {
  readonly from: string | undefined
  readonly by: string
}

const trailTo = (arrivals: ReadonlyMap<string, Arrival>, key: string): ReadonlyArray<string> => {
  const arrival = arrivals.get(key)
  return arrival === undefined
    ? []
    : [...(arrival.from === undefined ? [] : trailTo(arrivals, arrival.from)), arrival.by]
}

export const search = <W extends { readonly now: number }>({
  first,
  identify,
  limit = Number.POSITIVE_INFINITY,
  moves
}: Model<W>): Report => {
  const digest = (world: W): string => hash("md5", identify(world), "base64")
  let frontier = new Map([[digest(first), first]])
  const arrivals = new Map<string, Arrival>([[digest(first), { from: undefined, by: "start" }]])
  let transitions = 0
  while (frontier.size > 0) {
    const next = new Map<string, W>()
    for (const [from, world] of frontier) {
      try {
        must(arrivals.size <= limit, "a wait has no more states than its length allows")
        for (const [name, reached] of moves(world)) {
          transitions += 1
          const key = digest(reached)
          if (arrivals.has(key)) continue
          arrivals.set(key, { from, by: `${name} @${world.now}` })
          next.set(key, reached)
        }
      } catch (error) {
        if (!(error instanceof Violation)) throw error
        return {
          states: arrivals.size,
          transitions,
          violation: { rule: error.message, trail: trailTo(arrivals, from) }
        }
      }
    }
    frontier = next
  }
  return { states: arrivals.size, transitions, violation: undefined }
}
