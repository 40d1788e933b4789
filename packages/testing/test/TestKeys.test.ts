import { assert, describe, it } from "@effect/vitest"
import { TestKeys } from "@effect-ciba/testing"
import { Effect } from "effect"

describe("TestKeys", () => {
  it.effect("generates a key once for concurrent callers", () =>
    Effect.gen(function* () {
      const keys = yield* Effect.all([TestKeys.signing("PS256", "shared"), TestKeys.signing("PS256", "shared")], {
        concurrency: "unbounded"
      })
      assert.strictEqual(keys[0], keys[1])
      assert.notStrictEqual(keys[0], yield* TestKeys.signing("PS256", "other"))
    })
  )
})
