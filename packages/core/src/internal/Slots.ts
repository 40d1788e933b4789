/**
 * A number of slots, in which effects run in the order of their arrival. A slot is handed on in logarithmic time:
 * `Semaphore` visits all that wait whenever one is released.
 */
import { Effect } from "effect"
import * as Heap from "./Heap.ts"

/** Runs an effect when there is a slot for it. */
export type Slots = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** So many slots; any number of them for `Infinity`. */
export const make = (count: number): Slots => {
  const waiting = Heap.make<Waiting>()
  let free = count
  let arrivals = 0

  const handOn = (): void => {
    const next = waiting.first()
    if (next === undefined) {
      free += 1
      return
    }
    waiting.remove(next)
    next.isServed = true
    next.start()
  }

  /** The next one starts in a task of its own: many that end at once do not start each other. */
  const release: Effect.Effect<void> = Effect.withFiber((fiber) => {
    if (waiting.first() === undefined) handOn()
    else fiber.currentDispatcher.scheduleTask(handOn, 0)
    return Effect.void
  })

  const awaitTurn = Effect.suspend(() => {
    const own: Waiting = { at: 0, index: -1, isServed: false, start: () => {} }
    const turn = Effect.callback<void>((resume) => {
      own.start = () => resume(Effect.void)
      waiting.set(own, arrivals++)
    })
    return Effect.onInterrupt(turn, () => (own.isServed ? release : Effect.sync(() => waiting.remove(own))))
  })

  return (effect) =>
    Effect.uninterruptibleMask((restore) => {
      const run = Effect.onExit(restore(effect), () => release)
      if (free === 0) return Effect.andThen(restore(awaitTurn), run)
      free -= 1
      return run
    })
}

interface Waiting extends Heap.Entry {
  isServed: boolean
  start: () => void
}
