import { expect, it } from "@effect/vitest"
import * as Sweep from "../../src/internal/Sweep.ts"

it("walks over a collection that only grows a constant number of times for each entry", () => {
  const entries = new Set<number>()
  const sweep = Sweep.make()
  let visits = 0
  for (let entry = 0; entry < 100_000; entry++) {
    sweep(
      () => entries.size,
      () => {
        visits += entries.size
      }
    )
    entries.add(entry)
  }
  expect(visits).toBeLessThan(2 * entries.size)
})

it("keeps a collection small whose entries are soon over", () => {
  const entries = new Set<number>()
  const sweep = Sweep.make()
  for (let entry = 0; entry < 10_000; entry++) {
    sweep(
      () => entries.size,
      () => entries.clear()
    )
    entries.add(entry)
  }
  expect(entries.size).toBeLessThanOrEqual(1000)
})
