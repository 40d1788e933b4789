// Malformed input at each entry point, by seeded chance: every case has a typed outcome.
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fuzz from "../support/Fuzz.ts"
import { entryPoints } from "../support/FuzzedEntryPoints.ts"

const seed = Number(process.env.FUZZ_SEED ?? 1)

const cases = Number(process.env.FUZZ_CASES ?? 3000)

describe(`${cases} hostile cases from seed ${seed} on`, () => {
  for (const entryPoint of entryPoints) {
    it.live(
      `each have a typed outcome at the entry point: ${entryPoint.name} (G13, K17)`,
      () =>
        Effect.gen(function* () {
          const { missing, problems } = yield* Fuzz.run(entryPoint, { seed, cases })
          expect(problems).toEqual([])
          if (cases >= 3000) expect(missing).toEqual([])
        }),
      120_000
    )
  }
})
