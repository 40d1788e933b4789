// Explores every interleaving of two workers over one row, each frozen at any step and going on at any later time.
import { type Report, search } from "../../../packages/core/test/wait/model/search.ts"
import { checkEndings } from "./endings.ts"
import { type Context, type Move, moves } from "./moves.ts"
import type { Setting } from "./Setting.ts"
import { makeStore } from "./Store.ts"
import type { Functions, World } from "./World.ts"

const begin = ({ store }: Context): World => ({
  now: 0,
  rows: store.rows,
  workers: [{ at: "idle" }, { at: "idle" }],
  lease: 0,
  lastSent: undefined,
  sentFor: undefined,
  tokens: "none",
  isPinged: false,
  notifications: 0,
  early: 0,
  faults: 0,
  doubts: 0
})

/** The terms are those of the setting, and a fault is like any other. */
const shorten = (name: string, value: unknown): unknown =>
  name === "terms"
    ? undefined
    : name === "lost" || name === "lastFault" || name === "response"
      ? value !== undefined
      : value

/** It does not matter which worker is which. */
const identify = ({ workers, ...world }: World): string =>
  JSON.stringify([world, ...workers.map((worker) => JSON.stringify(worker, shorten)).sort()])

/** How long a worker may be frozen beyond the deadline. */
const beyond = 5000

export const explore = (functions: Functions, setting: Setting): Report => {
  const context = { functions, setting, store: makeStore(functions, setting) }
  const end = setting.deadline + beyond
  const movesOf = (world: World): ReadonlyArray<Move> => {
    if (world.now >= end) checkEndings(context, world)
    return moves(context, world, end)
  }
  return search({ first: begin(context), identify, moves: movesOf })
}
