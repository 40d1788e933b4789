import { it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { describe, expect } from "vitest"
import * as Wakeup from "../../src/internal/Wakeup.ts"

describe("Wakeup", () => {
  it.effect("wakes all that wait, and none that waits later", () =>
    Effect.gen(function* () {
      const wakeup = Wakeup.make()
      const fibers = [yield* Effect.forkChild(wakeup.await), yield* Effect.forkChild(wakeup.await)]
      yield* Effect.yieldNow
      yield* wakeup.send
      yield* Fiber.joinAll(fibers)
      const later = yield* Effect.forkChild(wakeup.await)
      yield* Effect.yieldNow
      expect(later.pollUnsafe()).toBeUndefined()
    })
  )

  it.effect("lets the next one go on that waits, if it came while none waited: a worker may have been looking", () =>
    Effect.gen(function* () {
      const wakeup = Wakeup.make()
      yield* wakeup.send
      yield* wakeup.await
      const later = yield* Effect.forkChild(wakeup.await)
      yield* Effect.yieldNow
      expect(later.pollUnsafe()).toBeUndefined()
    })
  )
})
