/**
 * A number of slots, which are given out in the order of arrival. A slot is handed on in logarithmic time: `Semaphore` visits
 * all that wait whenever one is released.
 */
import { Effect, type Scheduler } from "effect"
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
  /** Takes back a turn that waits. */
  readonly withdraw: (turn: Turn) => void
  /** The same, or takes back its slot. The next one starts in a task of its own: many that end at once do not start each other. */
  readonly leave: (turn: Turn, dispatcher: Scheduler.SchedulerDispatcher) => void
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

  const start = (turn: Turn): void => {
    turn.hasSlot = true
    turn.start()
  }

  const take = (turn: Turn): void => {
    if (free === 0) {
      waiting.set(turn, arrivals++)
      return
    }
    free -= 1
    start(turn)
  }

  const handOn = (): void => {
    const next = waiting.first()
    if (next === undefined) {
      free += 1
      return
    }
    waiting.remove(next)
    start(next)
  }

  const leave: Slots["leave"] = (turn, dispatcher) => {
    waiting.remove(turn)
    if (!turn.hasSlot) return
    turn.hasSlot = false
    if (waiting.first() === undefined) handOn()
    else dispatcher.scheduleTask(handOn, 0)
  }

  return {
    take,
    withdraw: waiting.remove,
    leave,
    run: (effect) =>
      Effect.uninterruptibleMask((restore) => {
        const turn = makeTurn()
        const awaitSlot = Effect.callback<void>((resume) => {
          turn.start = () => resume(Effect.void)
          take(turn)
        })
        const leaveSlot = Effect.withFiber<void>(({ currentDispatcher }) => {
          leave(turn, currentDispatcher)
          return Effect.void
        })
        return Effect.onExit(Effect.andThen(restore(awaitSlot), restore(effect)), () => leaveSlot)
      })
  }
}
