/** Removes what is over from a collection that grows: in constant time for each entry, amortized. */
import { Effect } from "effect"

/** Runs `remove` when there are a thousand entries, and twice as many as it left the last time. */
export const make = (size: () => number, remove: Effect.Effect<void>): Effect.Effect<void> => {
  let threshold = minSize
  return Effect.suspend(() =>
    size() < threshold
      ? Effect.void
      : Effect.map(remove, () => {
          threshold = Math.max(minSize, 2 * size())
        })
  )
}

const minSize = 1000
