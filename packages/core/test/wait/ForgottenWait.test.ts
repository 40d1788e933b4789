// What remains of a wait that is forgotten, and of all of them when they are closed.
import { describe, expect, it } from "@effect/vitest"
import { PendingStore } from "@effect-ciba/core"
import { DateTime, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { InvalidTokenResponse, TokenError } from "../../src/token/TokenError.ts"
import { denied, endOf, makePending, provideServices, send, stub, tokens, undecided } from "../support/StubbedPolls.ts"

const invalid = new TokenError({ reason: new InvalidTokenResponse({ issues: "no access_token" }) })

/** A store each of whose writes takes two seconds, and how many it has written. */
const slowStore = () => {
  const written: Array<string | undefined> = []
  const layer = Layer.effect(
    PendingStore.PendingStore,
    PendingStore.PendingStore.use((store) =>
      Effect.succeed({
        ...store,
        put: (pending) =>
          Effect.delay(
            Effect.sync(() => void written.push(pending.wait?.phase._tag)),
            "2 seconds"
          )
      })
    )
  ).pipe(Layer.provide(PendingStore.layerMemory))
  return { written, layer }
}

describe("a wait that is forgotten", () => {
  for (const [what, poll, end] of [
    ["is known as redeemed after tokens (H19)", send(tokens), "AlreadyRedeemed"],
    [
      "is known as redeemed after a response that is no token response (H19)",
      send(Effect.succeed({ _tag: "Failed", error: invalid })),
      "AlreadyRedeemed"
    ],
    ["is asked for again after an error response", send(Effect.succeed(denied)), "waiting"]
  ] as const) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const { driver } = yield* stub([poll])
        const first = yield* Effect.forkChild(Effect.exit(driver.wait(makePending("a"))))
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(first)
        yield* driver.forget(makePending("a"))
        const again = yield* Effect.forkChild(driver.wait(makePending("a")))
        yield* TestClock.adjust("1 second")
        expect(endOf(again)).toBe(end)
      }).pipe(provideServices())
    )
  }

  it.effect("is known as redeemed for an hour, and then not kept in memory, as soon as there are a thousand", () =>
    Effect.gen(function* () {
      const { driver } = yield* stub([send(tokens), send(Effect.succeed(undecided))])
      const expiresAt = DateTime.makeUnsafe(10_000_000)
      const redeemed = makePending("a", { expiresAt })
      yield* Effect.forkChild(driver.wait(redeemed))
      yield* TestClock.adjust("5 seconds")
      yield* driver.forget(redeemed)
      const register = (kind: string, count: number) =>
        Effect.forEach(Array.from({ length: count }), (_, index) => driver.register(makePending(`${kind} ${index}`)))
      yield* register("before", 1001)
      const { authReqId } = makePending("before 0")
      expect(yield* driver.register(makePending("another", { authReqId }))).toBe(false)
      expect((yield* Effect.flip(driver.wait(redeemed))).reason._tag).toBe("AlreadyRedeemed")
      yield* TestClock.adjust("1 hour")
      yield* register("after", 2001)
      expect(endOf(yield* Effect.forkChild(driver.wait(redeemed), { startImmediately: true }))).toBe("waiting")
    }).pipe(provideServices())
  )

  it.effect("is not, as long as it has callers", () =>
    Effect.gen(function* () {
      const { began, driver } = yield* stub([send(tokens)])
      const wait = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("1 second")
      yield* driver.forget(makePending("a"))
      const other = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("4 seconds")
      expect([endOf(wait), endOf(other), began]).toEqual(["tokens", "tokens", [5]])
    }).pipe(provideServices())
  )

  it.effect("is forgotten when what it stores is stored: a store gets nothing after that (H25)", () => {
    const { layer, written } = slowStore()
    return Effect.gen(function* () {
      const { driver } = yield* stub([send(tokens)])
      const wait = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(wait)
      const forgetting = yield* Effect.forkChild(driver.forget(makePending("a")))
      yield* Effect.yieldNow
      expect([written, forgetting.pollUnsafe()]).toEqual([[], undefined])
      yield* TestClock.adjust("1 second")
      expect(written).toEqual(["Sleeping"])
      yield* Fiber.join(forgetting)
    }).pipe(provideServices(), Effect.provide(layer))
  })
})

describe("a wait whose caller leaves while it stores that it polls", () => {
  it.effect("sends no poll, and does so at once for the next caller (H2, H25)", () => {
    const { layer, written } = slowStore()
    return Effect.gen(function* () {
      const { began, driver } = yield* stub([send(tokens)])
      const first = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("6 seconds")
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("4 seconds")
      expect([written, began]).toEqual([["Sleeping", "Polling"], []])
      const second = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("4 seconds")
      expect([endOf(second), began]).toEqual(["tokens", [12]])
    }).pipe(provideServices(), Effect.provide(layer))
  })
})

describe("waits that are closed", () => {
  it.effect("interrupt their callers, abort their polls, and await the end of both and of what is being stored", () => {
    const { layer, written } = slowStore()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const slowToEnd = send(Effect.onInterrupt(Effect.never, () => Effect.sleep("1 second")))
      const { began, driver } = yield* Scope.provide(stub([slowToEnd]), scope)
      const polling = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("8 seconds")
      const sleeping = yield* Effect.forkChild(driver.wait(makePending("b")))
      yield* Effect.yieldNow
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("999 millis")
      expect([endOf(polling), endOf(sleeping), began]).toEqual(["interrupted", "interrupted", [7]])
      expect(closing.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 second")
      expect([written, closing.pollUnsafe()]).toEqual([["Sleeping", "Polling"], undefined])
      yield* TestClock.adjust("1 second")
      expect(written).toEqual(["Sleeping", "Polling", "Sleeping"])
      yield* Fiber.join(closing)
      yield* TestClock.adjust("1 minute")
      expect(began).toEqual([7])
    }).pipe(provideServices(), Effect.provide(layer))
  })

  it.effect("abort a poll whose end they await, also without a store", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const slowToEnd = send(Effect.onInterrupt(Effect.never, () => Effect.sleep("1 second")))
      const { driver } = yield* Scope.provide(stub([slowToEnd]), scope)
      yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("6 seconds")
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("999 millis")
      expect(closing.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 millis")
      expect(closing.pollUnsafe()).toBeDefined()
    }).pipe(provideServices())
  )

  it.effect("begin no other one", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { driver } = yield* Scope.provide(stub([send(tokens)]), scope)
      yield* Scope.close(scope, Exit.void)
      const late = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("5 seconds")
      expect(endOf(late)).toBe("interrupted")
    }).pipe(provideServices())
  )
})
