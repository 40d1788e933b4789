// A poll that takes too long, or whose client ends it.
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { makeError } from "../../src/http/TransportError.ts"
import { fromTransportError } from "../../src/token/TokenError.ts"
import {
  endOf,
  makePending,
  type Poll,
  provideServices,
  recordTags,
  send,
  stub,
  tokens,
  undecided,
  url
} from "../support/StubbedPolls.ts"
import { recordSpans } from "../support/Telemetry.ts"

describe("a poll without a response", () => {
  it.effect("may have been redeemed: the expiry after it is an unknown outcome (H8, H14)", () =>
    Effect.gen(function* () {
      const { began, driver } = yield* stub([send(Effect.never)])
      const wait = yield* Effect.forkChild(Effect.flip(driver.wait(makePending("a"))))
      yield* TestClock.adjust("3 minutes")
      expect((yield* Fiber.join(wait)).reason).toMatchObject({
        _tag: "OutcomeUnknown",
        lost: { kind: "TimedOut", url }
      })
      expect(began).toEqual([5, 40, 75, 110])
    }).pipe(provideServices())
  )

  it.effect("is given up when it ends in time: its successor is not", () =>
    Effect.gen(function* () {
      const late = send(Effect.delay(Effect.succeed(undecided), "34 seconds"))
      const { began, driver } = yield* stub([late, late, send(tokens)])
      const wait = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("73 seconds")
      expect([endOf(wait), began]).toEqual(["tokens", [5, 39, 73]])
    }).pipe(provideServices())
  )

  it.effect("is known as never sent if its credentials are not there at the expiry (H18)", () =>
    Effect.gen(function* () {
      const { driver } = yield* stub([() => Effect.never])
      const wait = yield* Effect.forkChild(Effect.flip(driver.wait(makePending("a"))))
      yield* TestClock.adjust("2 minutes")
      expect({ ...(yield* Fiber.join(wait)).reason }).toEqual({ _tag: "ExpiredToken", local: true, polls: 0 })
    }).pipe(provideServices())
  )

  it.effect("is known as not redeemed if the provider had demanded another attempt, which was not sent (H14, M6)", () =>
    Effect.gen(function* () {
      const demanding: Poll = ({ begin, repeat }) =>
        Effect.andThen(Effect.andThen(begin, Effect.delay(Effect.sync(repeat), "1 second")), Effect.never)
      const { driver } = yield* stub([demanding])
      const wait = yield* Effect.forkChild(Effect.flip(driver.wait(makePending("a"))))
      yield* TestClock.adjust("2 minutes")
      expect((yield* Fiber.join(wait)).reason).toMatchObject({ _tag: "ExpiredToken", polls: 1 })
    }).pipe(provideServices())
  )

  it.effect("is given up by a time limit of its own where there is a tracer: its span ends with that", () =>
    Effect.gen(function* () {
      const kept: Array<boolean> = []
      const late: Poll = ({ begin }) =>
        Effect.flatMap(begin, (isKept) => {
          kept.push(isKept)
          return Effect.delay(Effect.succeed(undecided), "40 seconds")
        })
      const { began, driver } = yield* stub([late])
      const traced = yield* Effect.forkChild(Effect.provide(driver.wait(makePending("a")), recordSpans().layer))
      yield* TestClock.adjust("46 seconds")
      expect([kept, began]).toEqual([
        [false, false],
        [5, 45]
      ])
      yield* Fiber.interrupt(traced)
      yield* Effect.forkChild(driver.wait(makePending("b")))
      yield* TestClock.adjust("41 seconds")
      expect([kept, began]).toEqual([
        [false, false, true, true],
        [5, 45, 51, 86]
      ])
    }).pipe(provideServices())
  )

  it.effect("is one poll for its subscribers, of however many attempts (M6)", () =>
    Effect.gen(function* () {
      const pending = makePending("a")
      const tags = yield* recordTags(pending)
      const twice: Poll = ({ begin, repeat }) =>
        Effect.flatMap(begin, () => {
          repeat()
          return Effect.andThen(begin, tokens)
        })
      const { began, driver } = yield* stub([twice])
      yield* Effect.forkChild(driver.wait(pending))
      yield* TestClock.adjust("5 seconds")
      expect([tags, began]).toEqual([
        ["Resumed", "Polled"],
        [5, 5]
      ])
    }).pipe(provideServices())
  )

  it.effect("that its own client interrupts ends its callers, and the wait goes on with others", () =>
    Effect.gen(function* () {
      const { began, driver } = yield* stub([send(Effect.interrupt), send(tokens)])
      const wait = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("5 seconds")
      expect(endOf(wait)).toBe("interrupted")
      const again = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("5 seconds")
      expect([endOf(again), began]).toEqual(["tokens", [5, 10]])
    }).pipe(provideServices())
  )
})

describe("a poll that is aborted when its caller leaves", () => {
  it.effect("ends no caller that has come while it was being aborted, and delays no other", () =>
    Effect.gen(function* () {
      const slowToEnd = send(Effect.onInterrupt(Effect.never, () => Effect.sleep("3 seconds")))
      const { began, driver } = yield* stub([slowToEnd, send(tokens)])
      const first = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("6 seconds")
      const leaving = yield* Effect.forkChild(Fiber.interrupt(first))
      yield* TestClock.adjust("1 second")
      const second = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("1 second")
      expect(leaving.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 second")
      expect(leaving.pollUnsafe()).toBeDefined()
      expect(endOf(second)).toBe("waiting")
      yield* TestClock.adjust("2 seconds")
      expect([endOf(second), began]).toEqual(["tokens", [5, 11]])
    }).pipe(provideServices())
  )
})

describe("a fault", () => {
  it.effect("is named at the expiry only if it was the last poll that met it (H37)", () =>
    Effect.gen(function* () {
      const unreachable = fromTransportError(makeError("Unreachable", { method: "POST", url }))
      const { driver } = yield* stub([
        send(Effect.succeed({ _tag: "Failed", error: unreachable })),
        send(Effect.succeed(undecided))
      ])
      const wait = yield* Effect.forkChild(Effect.flip(driver.wait(makePending("a"))))
      yield* TestClock.adjust("2 minutes")
      expect((yield* Fiber.join(wait)).reason).not.toHaveProperty("lastFault")
    }).pipe(provideServices())
  )
})
