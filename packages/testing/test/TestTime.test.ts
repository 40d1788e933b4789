import { assert, describe, it } from "@effect/vitest"
import { TestTime } from "@effect-ciba/testing"
import { Clock, Effect, Fiber } from "effect"

/** Takes some ten times as long as a signature. */
const generateKey = Effect.promise(() =>
  crypto.subtle.generateKey(
    { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
    false,
    ["sign"]
  )
)

describe("TestTime", () => {
  it.effect("stands still while WebCrypto works, so that what follows is not late", () =>
    Effect.gen(function* () {
      const work = Effect.andThen(Effect.andThen(Effect.sleep("5 seconds"), generateKey), Clock.currentTimeMillis)
      const fiber = yield* Effect.forkChild(Effect.replicateEffect(work, 3))
      yield* TestTime.advance("1 minute")
      assert.deepStrictEqual(fiber.pollUnsafe()?._tag, "Success")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [5000, 10_000, 15_000])
      assert.strictEqual(yield* Clock.currentTimeMillis, 60_000)
    }).pipe(Effect.provide(TestTime.layer))
  )

  it.effect("settles also what is under way when an advance begins", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        Effect.andThen(generateKey, Effect.delay(Clock.currentTimeMillis, "1 second"))
      )
      yield* TestTime.advance("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), 1000)
    }).pipe(Effect.provide(TestTime.layer))
  )

  it.effect("fastForward moves on to where the effect is done, and no further", () =>
    Effect.gen(function* () {
      yield* Effect.forkChild(Effect.sleep("1 day"))
      assert.strictEqual(yield* TestTime.fastForward(Effect.delay(Effect.succeed(7), "3 hours")), 7)
      assert.strictEqual(yield* Clock.currentTimeMillis, 10_800_000)
      assert.strictEqual(yield* TestTime.fastForward(Effect.as(generateKey, 8)), 8)
      assert.strictEqual(yield* Clock.currentTimeMillis, 10_800_000)
    }).pipe(Effect.provide(TestTime.layer))
  )

  it.effect("leaves WebCrypto as it was when the last of several layers is closed", () =>
    Effect.gen(function* () {
      const { sign } = SubtleCrypto.prototype
      const isReplaced = Effect.sync(() => SubtleCrypto.prototype.sign !== sign)
      yield* Effect.gen(function* () {
        assert.isTrue(yield* isReplaced)
        assert.isTrue(yield* Effect.provide(isReplaced, TestTime.layer, { local: true }))
        assert.isTrue(yield* isReplaced)
      }).pipe(Effect.provide(TestTime.layer))
      assert.isFalse(yield* isReplaced)
    })
  )
})
