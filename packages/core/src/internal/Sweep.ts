/** Removes what is over from a collection that grows: in constant time for each entry, amortized. */

/** Calls `remove` when there are a thousand entries, and twice as many as it left the last time. */
export type Sweep = (size: () => number, remove: () => void) => void

export const make = (): Sweep => {
  let threshold = minSize
  return (size, remove) => {
    if (size() < threshold) return
    remove()
    threshold = Math.max(minSize, 2 * size())
  }
}

const minSize = 1000
