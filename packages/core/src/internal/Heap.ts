/** A binary heap of what is due, the earliest first. Each entry knows its place: it is moved or removed in logarithmic time. */

/** What can be in one heap at a time. */
export interface Entry {
  /** When it is due. Only the heap changes it. */
  at: number
  /** Its place; -1 if it is in no heap. */
  index: number
}

export interface Heap<E extends Entry> {
  readonly first: () => E | undefined
  /** Puts an entry in its place, also if it is in the heap already. */
  readonly set: (entry: E, at: number) => void
  readonly remove: (entry: E) => void
}

/** An empty heap. */
export const make = <E extends Entry>(): Heap<E> => {
  const entries: Array<E> = []

  const place = (entry: E, index: number): void => {
    entries[index] = entry
    entry.index = index
  }

  /** Moves an entry from a place towards the first one. */
  const rise = (entry: E, from: number): void => {
    let index = from
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = entries[above]
      if (parent === undefined || parent.at <= entry.at) break
      place(parent, index)
      index = above
    }
    place(entry, index)
  }

  /** Moves an entry from a place away from the first one. */
  const sink = (entry: E, from: number): void => {
    let index = from
    for (;;) {
      const left = 2 * index + 1
      const one = entries[left]
      const other = entries[left + 1]
      const isOther = one !== undefined && other !== undefined && other.at < one.at
      const child = isOther ? other : one
      if (child === undefined || child.at >= entry.at) break
      place(child, index)
      index = isOther ? left + 1 : left
    }
    place(entry, index)
  }

  const remove = (entry: E): void => {
    const { index } = entry
    if (index < 0) return
    entry.index = -1
    const last = entries.pop()
    if (last === undefined || last === entry) return
    rise(last, index)
    if (last.index === index) sink(last, index)
  }

  return {
    first: () => entries[0],
    set: (entry, at) => {
      remove(entry)
      entry.at = at
      rise(entry, entries.length)
    },
    remove
  }
}
