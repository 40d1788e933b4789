/** Writes in groups, without a timer: what comes while one write is under way goes with the next one. */
import { Effect, Semaphore } from "effect"

/** Succeeds when the item has been written. A write that fails would fail for one of its items alone: it has to succeed. */
export const make = <A>(
  write: (items: ReadonlyArray<A>) => Effect.Effect<void>
): ((item: A) => Effect.Effect<void>) => {
  const mutex = Semaphore.makeUnsafe(1)
  let waiting: ReadonlyArray<A> = []
  return (item) =>
    Effect.suspend(() => {
      waiting = [...waiting, item]
      return mutex.withPermit(
        Effect.suspend(() => {
          if (!waiting.includes(item)) return Effect.void
          const items = waiting
          waiting = []
          return write(items)
        })
      )
    })
}
