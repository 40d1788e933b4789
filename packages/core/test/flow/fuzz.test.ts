// Whatever arrives at the four places where the world talks to us: something typed comes of it.
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fuzz from "../support/Fuzz.ts"
import { entryPoints } from "../support/FuzzedEntryPoints.ts"

const seed = Number(process.env.FUZZ_SEED ?? 1)

const cases = Number(process.env.FUZZ_CASES ?? 3000)

describe(`of ${cases} hostile calls from seed ${seed} on, each has a typed outcome`, () => {
  for (const place of entryPoints) {
    it.live(
      `at: ${place.name} (G13, K17)`,
      () =>
        Effect.gen(function* () {
          const { missing, problems } = yield* Fuzz.run(place, { seed, cases })
          expect(problems).toEqual([])
          if (cases >= 3000) expect(missing).toEqual([])
        }),
      120_000
    )
  }
})
