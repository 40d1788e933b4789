// What comes before the first poll: the provider's metadata may not be there.
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { makeError } from "../../src/http/TransportError.ts"
import { DiscoveryError, MissingEndpoint } from "../../src/provider/DiscoveryError.ts"
import { fromTransportError } from "../../src/token/TokenError.ts"
import { endOf, makePending, provideServices, received, send, stub, undecided, url } from "../support/StubbedPolls.ts"

const pending = send(Effect.succeed(undecided))

const transportError = makeError("Unreachable", { method: "POST", url })

describe("the preparation of a wait", () => {
  const unreachable = new DiscoveryError({ reason: transportError })

  it.effect("is tried again until the request expires while the provider cannot be reached (H18, H21)", () =>
    Effect.gen(function* () {
      const { driver } = yield* stub([pending], { prepare: () => Effect.fail(unreachable) })
      const wait = yield* Effect.forkChild(driver.wait(makePending("a")))
      yield* TestClock.adjust("119 seconds")
      expect(endOf(wait)).toBe("waiting")
      yield* TestClock.adjust("1 second")
      expect(endOf(wait)).toBe("ExpiredToken")
      expect((yield* Effect.flip(driver.wait(makePending("a")))).reason._tag).toBe("ExpiredToken")
    }).pipe(provideServices())
  )

  it.effect("ends the wait with any other error at once", () =>
    Effect.gen(function* () {
      const failures = [
        fromTransportError(transportError),
        new DiscoveryError({
          reason: new MissingEndpoint({ issuer: "https://provider.test", endpoint: "token_endpoint" })
        })
      ]
      for (const failure of failures) {
        const { driver } = yield* stub([pending], { prepare: () => Effect.fail(failure) })
        expect((yield* Effect.flip(driver.wait(makePending("a")))).reason._tag).toBe(failure.reason._tag)
      }
    }).pipe(provideServices())
  )

  it.effect("may last beyond the expiry: a response that is stored counts (L17)", () =>
    Effect.gen(function* () {
      const { driver } = yield* stub([pending], { prepare: () => Effect.sleep("1 second") })
      yield* TestClock.adjust("2 minutes")
      const wait = yield* Effect.forkChild(driver.wait(makePending("a", { received })))
      yield* TestClock.adjust("1 second")
      expect(endOf(wait)).toBe("tokens")
    }).pipe(provideServices())
  )

  it.effect("is interrupted with its caller, and with all waits", () =>
    Effect.gen(function* () {
      let interrupted = 0
      const hang = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void interrupted++))
      const scope = yield* Scope.make()
      const { driver } = yield* Scope.provide(stub([pending], { prepare: () => hang }), scope)
      const first = yield* Effect.forkChild(driver.wait(makePending("a")), { startImmediately: true })
      const second = yield* Effect.forkChild(driver.wait(makePending("b")), { startImmediately: true })
      yield* Fiber.interrupt(first)
      expect([interrupted, endOf(second)]).toEqual([1, "waiting"])
      yield* Scope.close(scope, Exit.void)
      expect((yield* Fiber.await(second))._tag).toBe("Failure")
      expect([interrupted, endOf(second)]).toEqual([2, "interrupted"])
    }).pipe(provideServices())
  )
})
