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

  it.effect("keeps one that is woken and waits again at once for the next one", () =>
    Effect.gen(function* () {
      const wakeup = Wakeup.make()
      let woken = 0
      const count = Effect.sync(() => {
        woken += 1
      })
      yield* Effect.forkChild(Effect.forever(Effect.andThen(wakeup.await, count)))
      yield* Effect.yieldNow
      for (const expected of [1, 2, 3]) {
        yield* wakeup.send
        yield* Effect.yieldNow
        expect(woken).toBe(expected)
      }
    })
  )
})
