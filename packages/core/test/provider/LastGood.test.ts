// Renewal of a document while its source is slow, hangs or fails.
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Ref } from "effect"
import { TestClock } from "effect/testing"
import * as LastGood from "../../src/provider/LastGood.ts"

type Source = Effect.Effect<string, "gone">

const hour = 3_600_000

/** A document whose source can be changed, and how often it was asked for. */
const setUpWith = Effect.fnUntraced(function* (lifetime: number) {
  const source = yield* Ref.make<Source>(Effect.succeed("first"))
  let fetches = 0
  const documents = yield* LastGood.make({
    fetch: Effect.gen(function* () {
      fetches += 1
      const text = yield* Effect.flatten(Ref.get(source))
      return { text, fetchedAt: yield* Effect.clockWith((clock) => clock.currentTimeMillis) }
    }),
    lifetime
  })
  return {
    current: Effect.map(documents.current, ({ text }) => text),
    set: (next: Source) => Ref.set(source, next),
    fetches: () => fetches
  }
})

const setUp = setUpWith(hour)

describe("LastGood", () => {
  it.effect(
    "is renewed after a lifetime that is shorter than the pause after a failure, which is kept all the same (A19)",
    () =>
      Effect.gen(function* () {
        const { current, fetches, set } = yield* setUpWith(3000)
        yield* current
        yield* TestClock.adjust("3 seconds")
        yield* set(Effect.fail("gone"))
        expect([yield* current, fetches()]).toEqual(["first", 2])
        yield* TestClock.adjust("29 seconds")
        expect([yield* current, fetches()]).toEqual(["first", 2])
        yield* TestClock.adjust("1 second")
        yield* set(Effect.succeed("second"))
        expect([yield* current, fetches()]).toEqual(["second", 3])
        yield* TestClock.adjust("3 seconds")
        expect([yield* current, fetches()]).toEqual(["second", 4])
      })
  )

  it.effect("is fetched for others though a caller was interrupted at any step of its own (A19)", () =>
    Effect.gen(function* () {
      const context = yield* Effect.context<never>()
      for (let steps = 1980; steps <= 2048; steps++) {
        const { current } = yield* setUp
        // A fiber yields after 2048 operations, and can be interrupted there.
        const before = Effect.forEach(Array.from({ length: steps }), () => Effect.void, { discard: true })
        const caller = Effect.runForkWith(context)(Effect.andThen(before, current))
        caller.interruptUnsafe()
        yield* Fiber.await(caller)
        const next = yield* Effect.forkChild(current, { startImmediately: true })
        yield* Effect.repeat(Effect.yieldNow, { times: 5 })
        expect([steps, next.pollUnsafe()]).toEqual([steps, Exit.succeed("first")])
      }
    })
  )

  it.effect("is renewed after the clock was set back, and used if that fails (A19)", () =>
    Effect.gen(function* () {
      const { current, fetches, set } = yield* setUp
      yield* TestClock.adjust("10 hours")
      yield* current
      yield* TestClock.setTime(0)
      yield* set(Effect.fail("gone"))
      expect([yield* current, fetches()]).toEqual(["first", 2])
      yield* set(Effect.succeed("second"))
      expect([yield* current, fetches()]).toEqual(["first", 2])
      yield* TestClock.adjust("31 seconds")
      expect([yield* current, fetches()]).toEqual(["second", 3])
    })
  )

  it.effect("fetches once for all that ask at once, and again after the lifetime (A19)", () =>
    Effect.gen(function* () {
      const { current, fetches, set } = yield* setUp
      yield* set(Effect.delay(Effect.succeed("first"), "2 seconds"))
      const all = yield* Effect.forkChild(Effect.all([current, current, current], { concurrency: "unbounded" }))
      yield* TestClock.adjust("2 seconds")
      expect([yield* Fiber.join(all), fetches()]).toEqual([["first", "first", "first"], 1])
      yield* set(Effect.succeed("second"))
      yield* TestClock.adjust(hour - 1)
      expect(yield* current).toBe("first")
      yield* TestClock.adjust(1)
      expect([yield* current, fetches()]).toEqual(["second", 2])
    })
  )

  it.effect("gives the last good one while a renewal fails, which is tried again after half a minute (A19)", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("10 days")
      const { current, fetches, set } = yield* setUp
      yield* current
      yield* TestClock.adjust(hour)
      yield* set(Effect.fail("gone"))
      expect([yield* current, yield* current, fetches()]).toEqual(["first", "first", 2])
      yield* TestClock.adjust("30 seconds")
      expect([yield* current, fetches()]).toEqual(["first", 3])
      yield* set(Effect.succeed("second"))
      yield* TestClock.adjust("30 seconds")
      expect(yield* current).toBe("second")
    })
  )

  it.effect("waits a second for a renewal that hangs, and not again while it does (A19)", () =>
    Effect.gen(function* () {
      const { current, fetches, set } = yield* setUp
      yield* current
      yield* TestClock.adjust(hour)
      yield* set(Effect.never)
      const wait = yield* Effect.forkChild(current)
      yield* TestClock.adjust(999)
      expect(wait.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust(1)
      expect(yield* Fiber.join(wait)).toBe("first")
      expect([yield* current, fetches()]).toEqual(["first", 2])
    })
  )

  it.effect("waits for a renewal that others have begun until it has taken a second in all (A19)", () =>
    Effect.gen(function* () {
      const { current, fetches, set } = yield* setUp
      yield* current
      yield* TestClock.adjust(hour)
      yield* set(Effect.never)
      yield* Effect.forkChild(current)
      yield* TestClock.adjust(600)
      const late = yield* Effect.forkChild(current, { startImmediately: true })
      yield* TestClock.adjust(399)
      expect(late.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust(1)
      expect(late.pollUnsafe()).toEqual(Exit.succeed("first"))
      expect(fetches()).toBe(2)
    })
  )

  it.effect("says whether a renewal is under way (A19)", () =>
    Effect.gen(function* () {
      const documents = yield* LastGood.make({
        fetch: Effect.delay(Effect.succeed({ fetchedAt: 0 }), "1 second"),
        lifetime: hour
      })
      expect(documents.isRenewing()).toBe(false)
      const renewal = yield* Effect.forkChild(documents.renew, { startImmediately: true })
      expect(documents.isRenewing()).toBe(true)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(renewal)
      expect(documents.isRenewing()).toBe(false)
    })
  )

  it.effect("is looked for once in what an earlier process has kept, and then fetched (A19)", () =>
    Effect.gen(function* () {
      let loads = 0
      const documents = yield* LastGood.make({
        fetch: Effect.fail("gone"),
        load: Effect.sync(() => {
          loads += 1
          return undefined
        }),
        lifetime: hour
      })
      for (let count = 0; count < 3; count++) expect(yield* Effect.flip(documents.current)).toBe("gone")
      expect(loads).toBe(1)
    })
  )

  it.effect("uses what a slow renewal brings, though its callers have gone (A19)", () =>
    Effect.gen(function* () {
      const { current, set } = yield* setUp
      yield* current
      yield* TestClock.adjust(hour)
      yield* set(Effect.delay(Effect.succeed("second"), "10 seconds"))
      const wait = yield* Effect.forkChild(current)
      yield* TestClock.adjust(500)
      yield* Fiber.interrupt(wait)
      yield* TestClock.adjust("10 seconds")
      expect(yield* current).toBe("second")
    })
  )

  it.effect("is used for a day at most (A19)", () =>
    Effect.gen(function* () {
      const { current, set } = yield* setUp
      yield* current
      yield* set(Effect.fail("gone"))
      yield* TestClock.adjust("1 day")
      expect(yield* Effect.flip(current)).toBe("gone")
    })
  )
})
