import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Sweep from "../../src/internal/Sweep.ts"

it.effect("walks over a collection that only grows a constant number of times for each entry", () =>
  Effect.gen(function* () {
    const entries = new Set<number>()
    let visits = 0
    const sweep = Sweep.make(
      () => entries.size,
      Effect.sync(() => {
        visits += entries.size
      })
    )
    for (let entry = 0; entry < 100_000; entry++) {
      yield* sweep
      entries.add(entry)
    }
    expect(visits).toBeLessThan(2 * entries.size)
  })
)

it.effect("keeps a collection small whose entries are soon over", () =>
  Effect.gen(function* () {
    const entries = new Set<number>()
    const sweep = Sweep.make(
      () => entries.size,
      Effect.sync(() => entries.clear())
    )
    for (let entry = 0; entry < 10_000; entry++) {
      yield* sweep
      entries.add(entry)
    }
    expect(entries.size).toBeLessThanOrEqual(1000)
  })
)
