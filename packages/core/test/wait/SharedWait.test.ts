// One wait for each auth_req_id, and who its callers are.
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { ClientMismatch, TokenError } from "../../src/token/TokenError.ts"
import {
  denied,
  endOf,
  makePending,
  provideServices,
  send,
  slowedDown,
  stub,
  tokens,
  undecided
} from "../support/StubbedPolls.ts"

const pending = send(Effect.succeed(undecided))

describe("a caller of a wait that others have", () => {
  it.effect("who leaves ends no poll that is in flight for them (H3, H25)", () =>
    Effect.gen(function* () {
      const { began, driver } = yield* stub([send(Effect.delay(tokens, "10 seconds"))])
      const first = yield* Effect.forkChild(driver.wait(makePending("a")))
      const second = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("6 seconds")
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("9 seconds")
      expect([endOf(second), began]).toEqual(["tokens", [5]])
    }).pipe(provideServices())
  )

  it.effect("who leaves as the last one is interrupted, and nothing else, while no poll is under way (H25)", () =>
    Effect.gen(function* () {
      const { driver } = yield* stub([pending])
      const wait = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(wait)
      const exit = yield* Fiber.await(wait)
      expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
    }).pipe(provideServices())
  )

  it.effect("does not start their schedule again, and the first caller after all of them does", () =>
    Effect.gen(function* () {
      const { began, driver } = yield* stub([pending], { schedule: Schedule.upTo({ times: 2 }) })
      const first = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("11 seconds")
      const second = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("4 seconds")
      expect([endOf(first), endOf(second), began]).toEqual(["ScheduleExhausted", "ScheduleExhausted", [5, 10, 15]])
      const third = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("10 seconds")
      expect(endOf(third)).toBe("waiting")
      yield* TestClock.adjust("5 seconds")
      expect([endOf(third), began]).toEqual(["ScheduleExhausted", [5, 10, 15, 20, 25, 30]])
    }).pipe(provideServices())
  )

  it.effect("does not get the wait of another client or provider with the same auth_req_id", () =>
    Effect.gen(function* () {
      const mismatch = new TokenError({ reason: new ClientMismatch({ issuer: "other", clientId: "other" }) })
      const { began, driver } = yield* stub([send(tokens)], {
        prepare: ({ clientId, issuer }) =>
          clientId === "test-client" && issuer === "https://provider.test" ? Effect.void : Effect.fail(mismatch)
      })
      yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("1 second")
      for (const other of [{ clientId: "another" }, { issuer: "https://another.test" }]) {
        const error = yield* Effect.flip(driver.wait(makePending("a", other)))
        expect(error.reason._tag).toBe("ClientMismatch")
      }
      expect(began).toEqual([])
    }).pipe(provideServices())
  )
})

describe("a caller of a wait that has ended", () => {
  for (const [how, poll, end] of [
    ["with tokens", send(tokens), "tokens"],
    ["with an error response", send(Effect.succeed(denied)), "AccessDenied"]
  ] as const) {
    it.effect(`${how} has the same end without another poll (H12, H19)`, () =>
      Effect.gen(function* () {
        const { began, driver } = yield* stub([poll])
        yield* Effect.forkChild(driver.wait(makePending("a")))
        yield* TestClock.adjust("5 seconds")
        expect(endOf(yield* Effect.forkChild(driver.wait(makePending("a")), { startImmediately: true }))).toBe(end)
        expect(began).toEqual([5])
      }).pipe(provideServices())
    )
  }

  it.effect("has the response also when it was verified before, and a doubted one is verified again (H32)", () =>
    Effect.gen(function* () {
      const { driver } = yield* stub([send(tokens)])
      yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("5 seconds")
      expect(yield* driver.report(makePending("a"), { _tag: "Doubted", retryAfter: 30_000 })).toBe(true)
      const again = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("29 seconds")
      expect(endOf(again)).toBe("waiting")
      yield* TestClock.adjust("1 second")
      expect(endOf(again)).toBe("tokens")
      expect(yield* driver.report(makePending("a"), { _tag: "Verified" })).toBe(false)
      expect(endOf(yield* Effect.forkChild(driver.wait(makePending("a")), { startImmediately: true }))).toBe("tokens")
      expect(yield* driver.report(makePending("unknown"), { _tag: "Verified" })).toBe(false)
    }).pipe(provideServices())
  )

  it.effect("with an error of the client can go on when that is mended, at the interval (H11)", () =>
    Effect.gen(function* () {
      const { began, driver } = yield* stub([send(Effect.succeed(slowedDown)), send(tokens)], {
        schedule: Schedule.upTo({ times: 0 })
      })
      const stopped = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("6 seconds")
      expect(endOf(stopped)).toBe("ScheduleExhausted")
      const again = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("9 seconds")
      expect([endOf(again), began]).toEqual(["tokens", [5, 15]])
    }).pipe(provideServices())
  )
})

describe("an auth_req_id", () => {
  it.effect("is that of one request at a time, until this one is forgotten or has expired (H35)", () =>
    Effect.gen(function* () {
      const { driver } = yield* stub([pending])
      const first = makePending("a")
      const other = makePending("b", { authReqId: first.authReqId })
      expect(yield* driver.register(first)).toBe(true)
      expect(yield* driver.register(first)).toBe(true)
      expect(yield* driver.register(other)).toBe(false)
      yield* driver.forget(first)
      expect(yield* driver.register(other)).toBe(true)
      yield* Effect.forkChild(Effect.exit(driver.wait(other)))
      yield* TestClock.adjust("1 minute")
      expect(yield* driver.register(first)).toBe(false)
      yield* TestClock.adjust("1 minute")
      expect(yield* driver.register(first)).toBe(true)
    }).pipe(provideServices())
  )
})
