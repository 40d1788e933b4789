import { describe, expect, it } from "@effect/vitest"
import * as Heap from "../../src/internal/Heap.ts"

const makeEntry = (): Heap.Entry => ({ at: 0, index: -1 })

/** The times of all entries, as they come out. */
const empty = (heap: Heap.Heap<Heap.Entry>): ReadonlyArray<number> => {
  const times: Array<number> = []
  for (let first = heap.first(); first !== undefined; first = heap.first()) {
    times.push(first.at)
    heap.remove(first)
  }
  return times
}

/** All orders of these times. */
const permute = (times: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<number>> =>
  times.length === 0
    ? [[]]
    : times.flatMap((first, index) => permute(times.toSpliced(index, 1)).map((others) => [first, ...others]))

const sort = (times: ReadonlyArray<number>) => times.toSorted((one, other) => one - other)

const orders = [...permute([0, 1, 2, 3, 4]), ...permute([0, 0, 1, 1, 2])]

const fill = (times: ReadonlyArray<number>) => {
  const heap = Heap.make<Heap.Entry>()
  const entries = times.map((at) => {
    const entry = makeEntry()
    heap.set(entry, at)
    return entry
  })
  return { entries, heap }
}

describe("a heap", () => {
  it("gives out the earliest entry first, in whatever order they came", () => {
    for (const times of orders) expect(empty(fill(times).heap)).toEqual(sort(times))
  })

  it("goes without an entry that is removed, wherever it is, and does so once", () => {
    for (const times of orders) {
      for (let index = 0; index < times.length; index++) {
        const { entries, heap } = fill(times)
        const [removed = makeEntry()] = entries.slice(index)
        heap.remove(removed)
        heap.remove(removed)
        expect(removed.index).toBe(-1)
        expect(empty(heap)).toEqual(sort(times.toSpliced(index, 1)))
      }
    }
  })

  it("has an entry once, at the time that was set last", () => {
    for (const times of permute([1, 3, 5, 7])) {
      for (let index = 0; index < times.length; index++) {
        for (const at of [0, 4, 8]) {
          const { entries, heap } = fill(times)
          const [moved = makeEntry()] = entries.slice(index)
          heap.set(moved, at)
          expect(empty(heap)).toEqual(sort(times.with(index, at)))
        }
      }
    }
  })

  it("keeps the order of many entries of which some are moved and some are removed", () => {
    const { entries, heap } = fill(Array.from({ length: 200 }, (_, index) => (index * 67) % 211))
    const kept: Array<number> = []
    for (const [index, entry] of entries.entries()) {
      if (index % 3 === 0) heap.remove(entry)
      else {
        if (index % 3 === 1) heap.set(entry, (index * 101) % 223)
        kept.push(entry.at)
      }
    }
    expect(empty(heap)).toEqual(sort(kept))
  })
})
