import { describe, expect, it } from "@effect/vitest"
import { Ciba, ClientAuthentication } from "@effect-ciba/core"
import { Clock, Duration, Effect, Fiber, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as Throttle from "../../src/http/Throttle.ts"

const seconds = Effect.map(Clock.currentTimeMillis, (now) => now / 1000)

/** Requests of a second each; gives the second at which each was sent. */
const requests = (throttle: Throttle.Service, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => throttle.run(Effect.tap(seconds, Effect.sleep("1 second"))), {
    concurrency: "unbounded"
  })

const record = (throttle: Throttle.Service, failure: Throttle.FailedRequest | undefined) =>
  Effect.map(Effect.clockWith(Effect.succeed), (clock) => throttle.record(failure, clock))

const refuse = (throttle: Throttle.Service, status: number, retryAfter?: Duration.Input) =>
  record(throttle, { status, ...(retryAfter && { retryAfter: Duration.fromInputUnsafe(retryAfter) }) })

/** How many seconds from now the next request is sent. */
const pause = Effect.fnUntraced(function* (throttle: Throttle.Service) {
  const start = yield* seconds
  const next = yield* Effect.forkChild(throttle.run(seconds))
  yield* TestClock.adjust("1 hour")
  return (yield* Fiber.join(next)) - start
})

describe("Throttle", () => {
  it.effect("sends at most maxConcurrentRequests at once, in the order in which they arrive", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make({ maxConcurrentRequests: 2 })
      const all = yield* Effect.forkChild(requests(throttle, 5))
      yield* TestClock.adjust("3 seconds")
      expect(yield* Fiber.join(all)).toEqual([0, 0, 1, 1, 2])
    })
  )

  it.effect("sends at most 256 requests at once by default", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make()
      const all = yield* Effect.forkChild(requests(throttle, 257))
      yield* TestClock.adjust("2 seconds")
      const sentAt = yield* Fiber.join(all)
      expect([sentAt.filter((at) => at === 0).length, sentAt[256]]).toEqual([256, 1])
    })
  )

  for (const status of [429, 503]) {
    it.effect(`pauses all requests after a ${status} for the time of Retry-After, or for a second (H9, H22)`, () =>
      Effect.gen(function* () {
        const throttle = yield* Throttle.make()
        yield* refuse(throttle, status, "7 seconds")
        expect(yield* pause(throttle)).toBe(7)
        yield* record(throttle, undefined)
        yield* refuse(throttle, status)
        expect(yield* pause(throttle)).toBe(1)
      })
    )
  }

  it.effect("doubles the pause after each refusal, up to 30 seconds, until a request succeeds", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make()
      const pauses: Array<number> = []
      for (let count = 0; count < 7; count += 1) {
        yield* refuse(throttle, 503)
        pauses.push(yield* pause(throttle))
      }
      expect(pauses).toEqual([1, 2, 4, 8, 16, 30, 30])
      yield* record(throttle, undefined)
      yield* refuse(throttle, 503)
      expect(yield* pause(throttle)).toBe(1)
    })
  )

  it.effect("counts refusals during a pause as one", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make()
      yield* Effect.replicateEffect(refuse(throttle, 503), 50)
      expect(yield* pause(throttle)).toBe(1)
      yield* Effect.replicateEffect(refuse(throttle, 503), 50)
      expect(yield* pause(throttle)).toBe(2)
    })
  )

  it.effect("pauses for the longest Retry-After of several, five minutes at most (H9)", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make()
      yield* refuse(throttle, 503, "20 seconds")
      yield* refuse(throttle, 503, "3 seconds")
      yield* refuse(throttle, 429)
      expect(yield* pause(throttle)).toBe(20)
      yield* refuse(throttle, 503, "10000 days")
      expect(yield* pause(throttle)).toBe(300)
    })
  )

  it.effect("ignores failures with other statuses", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make()
      yield* refuse(throttle, 503)
      expect(yield* pause(throttle)).toBe(1)
      yield* refuse(throttle, 502, "1 minute")
      yield* record(throttle, {})
      expect(yield* pause(throttle)).toBe(0)
      yield* refuse(throttle, 503)
      expect(yield* pause(throttle)).toBe(2)
    })
  )

  it.effect("sends requests in the order in which they came, and a waiting one can be interrupted (H25)", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make({ maxConcurrentRequests: 1 })
      const long = yield* Effect.forkChild(throttle.run(Effect.sleep("10 seconds")))
      yield* Effect.yieldNow
      const [first, second, third] = yield* Effect.all(
        [1, 2, 3].map((name) => Effect.forkChild(Effect.as(throttle.run(Effect.sleep("1 second")), name)))
      )
      yield* TestClock.adjust("4 seconds")
      if (second !== undefined) yield* Fiber.interrupt(second)
      yield* TestClock.adjust("7 seconds")
      yield* Fiber.join(long)
      expect([first?.pollUnsafe() !== undefined, third?.pollUnsafe()]).toEqual([true, undefined])
      yield* TestClock.adjust("1 second")
      expect(third?.pollUnsafe()).toBeDefined()
    })
  )

  it.effect("says when a pause ends, and keeps no slot during it (H22)", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make({ maxConcurrentRequests: 1 })
      const clock = yield* Clock.Clock
      expect(throttle.pauseEnd(clock)).toBeUndefined()
      const first = yield* Effect.forkChild(throttle.run(Effect.sleep("1 second")))
      const queued = yield* Effect.forkChild(throttle.run(seconds))
      yield* TestClock.adjust("1 millis")
      yield* refuse(throttle, 429, "20 seconds")
      const paused = yield* Effect.forkChild(throttle.run(seconds))
      yield* TestClock.adjust("8 seconds")
      expect(throttle.pauseEnd(clock)).toBe(20_001)
      expect(yield* throttle.slots.run(seconds)).toBe(8.001)
      yield* TestClock.adjust("22 seconds")
      yield* Fiber.join(first)
      expect([yield* Fiber.join(queued), yield* Fiber.join(paused), throttle.pauseEnd(clock)]).toEqual([
        20.001,
        20.001,
        undefined
      ])
    })
  )

  it.effect("gives the slot of an interrupted request to the next one, whether it was sent or queued (H25)", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make({ maxConcurrentRequests: 1 })
      const first = yield* Effect.forkChild(throttle.run(Effect.never))
      const second = yield* Effect.forkChild(throttle.run(Effect.never))
      const third = yield* Effect.forkChild(throttle.run(seconds))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(second)
      expect(third.pollUnsafe()).toBeUndefined()
      yield* Fiber.interrupt(first)
      expect(yield* Fiber.join(third)).toBe(1)
    })
  )

  for (const value of [Number.NaN, 0, -1, 1.5, 0.5, Number.NEGATIVE_INFINITY]) {
    it.effect(`refuses maxConcurrentRequests: ${value}, and names the option`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Throttle.make({ maxConcurrentRequests: value }))
        expect([error._tag, error.option]).toEqual(["InvalidOption", "maxConcurrentRequests"])
        expect(error.message).toContain(`it is ${value}`)
      })
    )
  }

  it.effect("sends any number of requests at once when maxConcurrentRequests is Infinity", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.make({ maxConcurrentRequests: Number.POSITIVE_INFINITY })
      const all = yield* Effect.forkChild(requests(throttle, 1000))
      yield* TestClock.adjust("1 second")
      expect(new Set(yield* Fiber.join(all))).toEqual(new Set([0]))
    })
  )

  for (const maxConcurrentRequests of [0, -1, 0.5, Number.NaN]) {
    it.effect(`Ciba.layer is not built with maxConcurrentRequests: ${maxConcurrentRequests}`, () =>
      Effect.gen(function* () {
        const client = Ciba.layer({
          issuer: "https://op.example",
          clientId: "shop",
          authentication: ClientAuthentication.none,
          maxConcurrentRequests
        })
        const error = yield* Effect.flip(Effect.scoped(Layer.build(Layer.provide(client, FetchHttpClient.layer))))
        expect(error).toMatchObject({ _tag: "InvalidOption", option: "maxConcurrentRequests" })
      })
    )
  }
})
