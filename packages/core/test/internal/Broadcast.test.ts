import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as Broadcast from "../../src/internal/Broadcast.ts"

/** Subscribes at once. */
const subscribe = <A>(values: Stream.Stream<A>, onValue: (value: A) => Effect.Effect<void>) =>
  Effect.forkChild(Stream.runForEach(values, onValue), { startImmediately: true })

describe("Broadcast", () => {
  it.effect("hands on what a subscriber publishes after the value before it, to all in one order", () =>
    Effect.gen(function* () {
      const { publish, values } = Broadcast.make<number>(8)
      const seen: Record<string, Array<number>> = { first: [], second: [], third: [] }
      for (const [name, list] of Object.entries(seen)) {
        yield* subscribe(values, (value) =>
          Effect.sync(() => {
            list.push(value)
            if (name !== "third" && value < 3) publish(value + 1)
          })
        )
      }
      publish(1)
      yield* Effect.yieldNow
      assert.deepStrictEqual(seen.first?.slice(0, 2), [1, 2])
      assert.deepStrictEqual(seen.second, seen.first)
      assert.deepStrictEqual(seen.third, seen.first)
    })
  )

  it.effect("hands a value on to no one that subscribes because of it", () =>
    Effect.gen(function* () {
      const { publish, values } = Broadcast.make<string>(8)
      let count = 0
      const handle = (): Effect.Effect<void> =>
        Effect.suspend(() => {
          count += 1
          return count > 10 ? Effect.void : Effect.asVoid(subscribe(values, handle))
        })
      const fiber = yield* subscribe(values, handle)
      publish("a")
      yield* Effect.yieldNow
      assert.strictEqual(count, 1)
      publish("b")
      yield* Effect.yieldNow
      assert.strictEqual(count, 3)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("goes on for the others when a subscriber throws, and does not count it any more", () =>
    Effect.gen(function* () {
      const { hasSubscribers, publish, values } = Broadcast.make<string>(8)
      const seen: Array<string> = []
      const broken = yield* subscribe(values, () => Effect.die(new Error("broken")))
      const other = yield* subscribe(values, (value) => Effect.sync(() => void seen.push(value)))
      publish("a")
      publish("b")
      yield* Effect.yieldNow
      assert.deepStrictEqual(seen, ["a", "b"])
      assert.strictEqual((yield* Fiber.await(broken))._tag, "Failure")
      yield* Fiber.interrupt(other)
      assert.isFalse(hasSubscribers())
    })
  )
})
