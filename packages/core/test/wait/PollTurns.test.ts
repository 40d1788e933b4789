// When a poll that is due is sent: it needs a slot, and no pause of the provider.
import { describe, expect, it } from "@effect/vitest"
import { Clock, DateTime, Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Throttle from "../../src/http/Throttle.ts"
import {
  endOf,
  makePending,
  provideServices,
  send,
  stub,
  tokens,
  unavailable,
  undecided
} from "../support/StubbedPolls.ts"

describe("a pause that the provider asks for", () => {
  for (const status of [429, 503]) {
    it.effect(`with ${status} delays the polls of all waits until its end (H9, H22)`, () =>
      Effect.gen(function* () {
        const refused = send(Effect.succeed(unavailable(status, Duration.seconds(20))))
        const { began, driver } = yield* stub([refused, send(tokens)])
        const first = yield* Effect.forkChild(driver.wait(makePending("first")))
        yield* TestClock.adjust("2 seconds")
        const second = yield* Effect.forkChild(driver.wait(makePending("second")))
        yield* TestClock.adjust("22 seconds")
        expect([endOf(first), endOf(second), began]).toEqual(["waiting", "waiting", [5]])
        yield* TestClock.adjust("1 second")
        expect([endOf(first), endOf(second), began]).toEqual(["tokens", "tokens", [5, 25, 25]])
      }).pipe(provideServices())
    )
  }

  it.effect("beyond the expiry delays the last poll until just before it (H9, H18)", () =>
    Effect.gen(function* () {
      const refused = send(Effect.succeed(unavailable(429, Duration.minutes(4))))
      const { began, driver } = yield* stub([refused, send(tokens)])
      const first = yield* Effect.forkChild(driver.wait(makePending("first")))
      yield* TestClock.adjust("2 seconds")
      const second = yield* Effect.forkChild(driver.wait(makePending("second")))
      yield* TestClock.adjust("115 seconds")
      expect(began).toEqual([5])
      yield* TestClock.adjust("1 second")
      expect([endOf(first), endOf(second), began]).toEqual(["tokens", "tokens", [5, 118, 118]])
    }).pipe(provideServices())
  )

  it.effect("is over after a response: the next one is a second again", () =>
    Effect.gen(function* () {
      const refused = send(Effect.succeed(unavailable(503)))
      const pending = send(Effect.succeed(undecided))
      const { began, driver } = yield* stub([refused, refused, pending, refused, pending, send(tokens)])
      yield* Effect.forkChild(driver.wait(makePending("first")))
      yield* TestClock.adjust("19900 millis")
      yield* Effect.forkChild(driver.wait(makePending("second")))
      yield* TestClock.adjust("6 seconds")
      expect(began).toEqual([5, 10, 20, 24.9, 25.9])
    }).pipe(provideServices())
  )

  it.effect("ends with the caller: their wait polls after it, and not because of it", () =>
    Effect.gen(function* () {
      const refused = send(Effect.succeed(unavailable(429, Duration.seconds(20))))
      const { began, driver } = yield* stub([refused, send(tokens)])
      yield* Effect.forkChild(driver.wait(makePending("first")))
      yield* TestClock.adjust("2 seconds")
      const second = yield* Effect.forkChild(driver.wait(makePending("second")))
      yield* TestClock.adjust("6 seconds")
      yield* Fiber.interrupt(second)
      yield* TestClock.adjust("30 seconds")
      expect(began).toEqual([5, 25])
    }).pipe(provideServices())
  )
})

describe("a limit of one request at a time", () => {
  const slow = send(Effect.delay(Effect.succeed(undecided), "1 second"))
  const one = { maxConcurrentRequests: 1 }

  it.effect("sends the polls of several waits one after the other", () =>
    Effect.gen(function* () {
      const { began, driver } = yield* stub([slow])
      yield* Effect.forEach(["a", "b", "c"], (name) => Effect.forkChild(driver.wait(makePending(name))))
      yield* TestClock.adjust("12 seconds")
      expect(began).toEqual([5, 6, 7, 11, 12])
    }).pipe(provideServices(one))
  )

  it.effect("makes no poll of a wait whose caller has left while it was queued, and the next one in its place", () =>
    Effect.gen(function* () {
      let made = 0
      const { began, driver } = yield* stub([
        (attempts) =>
          Effect.suspend(() => {
            made += 1
            return slow(attempts)
          })
      ])
      yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("1 millis")
      const second = yield* Effect.forkChild(driver.wait(makePending("b")))
      yield* TestClock.adjust("1 millis")
      yield* Effect.forkChild(driver.wait(makePending("c")))
      yield* TestClock.adjust("5500 millis")
      yield* Fiber.interrupt(second)
      yield* TestClock.adjust("3 seconds")
      expect([made, began]).toEqual([2, [5, 6]])
    }).pipe(provideServices(one))
  )

  it.effect("sends a queued poll after the pause that the poll before it was asked for (H9, H22)", () =>
    Effect.gen(function* () {
      const refused = send(Effect.delay(Effect.succeed(unavailable(429, Duration.seconds(20))), "1 second"))
      const { began, driver } = yield* stub([refused, send(tokens)])
      yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* Effect.forkChild(driver.wait(makePending("b")))
      yield* TestClock.adjust("25 seconds")
      expect(began).toEqual([5])
      yield* TestClock.adjust("1 second")
      expect(began).toEqual([5, 26, 26])
    }).pipe(provideServices(one))
  )

  it.effect("sends a queued poll after a pause that has begun in the meantime (H22)", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.Throttle
      const { began, driver } = yield* stub([slow, send(tokens)])
      yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* Effect.forkChild(driver.wait(makePending("b")))
      yield* TestClock.adjust("5500 millis")
      throttle.record({ status: 429, retryAfter: Duration.seconds(20) }, yield* Clock.Clock)
      yield* TestClock.adjust("19999 millis")
      expect(began).toEqual([5])
      yield* TestClock.adjust("1 millis")
      expect(began).toEqual([5, 25.5, 25.5])
    }).pipe(provideServices(one))
  )

  it.effect("ends a wait at its expiry that is queued after a pause (H18)", () =>
    Effect.gen(function* () {
      const refused = send(Effect.succeed(unavailable(429, Duration.seconds(20))))
      const { began, driver } = yield* stub([refused, send(Effect.never)])
      yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("1 second")
      const expiresAt = DateTime.makeUnsafe(40_000)
      const second = yield* Effect.forkChild(driver.wait(makePending("b", { expiresAt })))
      yield* TestClock.adjust("38 seconds")
      expect(endOf(second)).toBe("waiting")
      yield* TestClock.adjust("1 second")
      expect([endOf(second), began]).toEqual(["ExpiredToken", [5, 25]])
    }).pipe(provideServices(one))
  )

  it.effect("has a free slot again after the end of a wait whose poll was under way", () =>
    Effect.gen(function* () {
      const { began, driver } = yield* stub([send(Effect.never), send(tokens)])
      const first = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("1 second")
      const second = yield* Effect.forkChild(driver.wait(makePending("b")))
      yield* TestClock.adjust("7 seconds")
      expect(endOf(second)).toBe("waiting")
      yield* Fiber.interrupt(first)
      expect(endOf(second)).toBe("tokens")
      expect(began).toEqual([5, 8])
    }).pipe(provideServices(one))
  )
})
