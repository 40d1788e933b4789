// Explores every interleaving of a wait breadth-first, up to a deadline of a few ticks.
import { hash } from "node:crypto"
import { carryOut, moves } from "./moves.ts"
import { type Functions, must, Violation, type WaitTerms, type World } from "./World.ts"

export interface Report {
  readonly states: number
  readonly transitions: number
  /** The broken rule, and the shortest way to it. */
  readonly violation: { readonly rule: string; readonly trail: ReadonlyArray<string> } | undefined
}

export interface Setting {
  readonly terms: WaitTerms
  readonly interval: number
  readonly deadline: number
  readonly canCancel: boolean
}

const begin = (wait: Functions, { deadline, interval, terms }: Setting): World => {
  const started = wait.start<string, string>(terms, { deadline, interval }, 0)
  const world: World = {
    now: 0,
    state: started[0],
    stored: undefined,
    saving: undefined,
    poll: "none",
    isVerifying: false,
    tokens: "none",
    interval,
    lastSent: undefined,
    lastAnswered: undefined,
    floor: 0,
    isHeld: false,
    isPinged: false,
    completed: false,
    pings: 0,
    crashes: 0,
    interrupts: 0,
    cancels: 0,
    resumes: 0
  }
  return carryOut(wait, world, started)
}

const digest = ({ state: { terms: _, ...state }, ...world }: World): string =>
  hash("md5", JSON.stringify({ ...world, state }), "base64")

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

/** `limit`: more states than that are a violation, too. */
export const explore = (wait: Functions, setting: Setting, limit = Number.POSITIVE_INFINITY): Report => {
  const first = begin(wait, setting)
  let frontier = new Map([[digest(first), first]])
  const arrivals = new Map<string, Arrival>([[digest(first), { from: undefined, by: "start" }]])
  let transitions = 0
  while (frontier.size > 0) {
    const next = new Map<string, World>()
    for (const [from, world] of frontier) {
      try {
        must(arrivals.size <= limit, "a wait has no more states than its length allows")
        for (const [name, reached] of moves(wait, world, setting.canCancel)) {
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
