// Explores every interleaving of a wait breadth-first, up to a deadline of a few ticks.
import { carryOut, moves } from "./moves.ts"
import { type Report, search } from "./search.ts"
import type { Functions, WaitTerms, World } from "./World.ts"

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

const identify = ({ state: { terms: _, ...state }, ...world }: World): string => JSON.stringify({ ...world, state })

/** `limit`: more states than that are a violation, too. */
export const explore = (wait: Functions, setting: Setting, limit?: number): Report =>
  search({ first: begin(wait, setting), identify, limit, moves: (world) => moves(wait, world, setting.canCancel) })
