/**
 * A number of slots, which are given out in the order of arrival. A slot is handed on in logarithmic time: `Semaphore` visits
 * all that wait whenever one is released.
 */
import { Effect } from "effect"
import * as Heap from "./Heap.ts"

/** What waits for a slot, or has one. */
export interface Turn extends Heap.Entry {
  hasSlot: boolean
  /** Called when it has a slot. */
  start: () => void
}

export interface Slots {
  /** Gives a slot to a turn: at once, if one is free. */
  readonly take: (turn: Turn) => void
  /** Takes back a turn that waits, or its slot, which the next one has at once. */
  readonly leave: (turn: Turn) => void
  /** Runs an effect in a slot. */
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** A turn that waits for nothing yet. */
export const makeTurn = (start: () => void = () => {}): Turn => ({ at: 0, index: -1, hasSlot: false, start })

/** So many slots; any number of them for `Infinity`. */
export const make = (count: number): Slots => {
  const waiting = Heap.make<Turn>()
  let free = count
  let arrivals = 0
  let isHandingOut = false

  /** Those that leave while another one starts do not start each other: however many they are, the stack does not grow. */
  const handOut = (): void => {
    if (isHandingOut) return
    isHandingOut = true
    for (let next = waiting.first(); next !== undefined && free > 0; next = waiting.first()) {
      waiting.remove(next)
      free -= 1
      next.hasSlot = true
      next.start()
    }
    isHandingOut = false
  }

  const take = (turn: Turn): void => {
    waiting.set(turn, arrivals++)
    handOut()
  }

  const leave = (turn: Turn): void => {
    waiting.remove(turn)
    if (!turn.hasSlot) return
    turn.hasSlot = false
    free += 1
    handOut()
  }

  return {
    take,
    leave,
    run: (effect) =>
      Effect.uninterruptibleMask((restore) => {
        const turn = makeTurn()
        const awaitSlot = Effect.callback<void>((resume) => {
          turn.start = () => resume(Effect.void)
          take(turn)
        })
        const leaveSlot = Effect.sync(() => leave(turn))
        return Effect.onExit(Effect.andThen(restore(awaitSlot), restore(effect)), () => leaveSlot)
      })
  }
}
