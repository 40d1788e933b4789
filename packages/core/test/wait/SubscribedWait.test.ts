// What a wait has to do with the inbox of notifications: it subscribes once, and takes that back.
import { describe, expect, it } from "@effect/vitest"
import { NotificationInbox } from "@effect-ciba/core"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { makeTermsOf } from "../../src/wait/WaitDriver.ts"
import { notification } from "../support/PendingAuthentications.ts"
import {
  endOf,
  makePending,
  provideServices,
  recordTags,
  send,
  stub,
  tokens,
  undecided
} from "../support/StubbedPolls.ts"

const pending = send(Effect.succeed(undecided))

/** An inbox that takes a while to subscribe, and what has subscribed. */
const slowInbox = (delay: "0 seconds" | "20 seconds" | "1 hour" = "0 seconds") => {
  const subscribers = new Set<() => void>()
  const layer = Layer.effect(
    NotificationInbox.NotificationInbox,
    NotificationInbox.NotificationInbox.use((inbox) =>
      Effect.succeed({
        ...inbox,
        subscribe: ({ authReqId: _, ...pending }, onNotification) =>
          Effect.delay(
            Effect.sync(() => {
              const notify = () => onNotification(notification(pending.id))
              subscribers.add(notify)
              return () => void subscribers.delete(notify)
            }),
            delay
          )
      })
    )
  ).pipe(Layer.provide(NotificationInbox.layer))
  return { subscribers, layer }
}

const ping = makePending("a", { deliveryMode: "ping" })

describe("a wait in ping mode", () => {
  it.effect("does not wait for its subscription (K15)", () => {
    const { layer } = slowInbox("1 hour")
    return Effect.gen(function* () {
      const { began, driver } = yield* stub([pending])
      yield* driver.register(ping)
      yield* Effect.forkChild(driver.wait(ping))
      yield* TestClock.adjust("1 minute")
      expect(began).toEqual([30, 60])
    }).pipe(provideServices(), Effect.provide(layer))
  })

  it.effect("is subscribed from its first caller until it is forgotten (K9)", () => {
    const { layer, subscribers } = slowInbox()
    return Effect.gen(function* () {
      const { began, driver } = yield* stub([pending])
      yield* driver.register(ping)
      const first = yield* Effect.forkChild(driver.wait(ping))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(first)
      const second = yield* Effect.forkChild(driver.wait(ping))
      yield* TestClock.adjust("1 second")
      expect(subscribers.size).toBe(1)
      for (const notify of subscribers) notify()
      yield* TestClock.adjust("1 second")
      expect(began).toEqual([2])
      yield* Fiber.interrupt(second)
      yield* driver.forget(ping)
      expect(subscribers.size).toBe(0)
    }).pipe(provideServices(), Effect.provide(layer))
  })

  it.effect("publishes a ping that is repeated once (K9)", () => {
    const { layer, subscribers } = slowInbox()
    return Effect.gen(function* () {
      const tags = yield* recordTags(ping)
      const { driver } = yield* stub([pending])
      yield* Effect.forkChild(driver.wait(ping))
      yield* TestClock.adjust("1 second")
      for (const notify of [...subscribers, ...subscribers]) notify()
      expect(tags).toEqual(["Resumed", "Pinged", "Polled", "StillPending"])
    }).pipe(provideServices(), Effect.provide(layer))
  })

  it.effect("takes back a subscription that comes after it was forgotten, or closed", () => {
    const { layer, subscribers } = slowInbox("20 seconds")
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { driver } = yield* Scope.provide(stub([pending]), scope)
      const wait = yield* Effect.forkChild(driver.wait(ping))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(wait)
      yield* driver.forget(ping)
      yield* TestClock.adjust("20 seconds")
      expect(subscribers.size).toBe(0)
      yield* Effect.forkChild(driver.wait(ping))
      yield* TestClock.adjust("1 second")
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("20 seconds")
      expect(subscribers.size).toBe(0)
    }).pipe(provideServices(), Effect.provide(layer))
  })

  it.effect("takes back its subscription when it is closed", () => {
    const { layer, subscribers } = slowInbox()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { driver } = yield* Scope.provide(stub([pending]), scope)
      yield* Effect.forkChild(driver.wait(ping))
      yield* TestClock.adjust("1 second")
      expect(subscribers.size).toBe(1)
      yield* Scope.close(scope, Exit.void)
      expect(subscribers.size).toBe(0)
    }).pipe(provideServices(), Effect.provide(layer))
  })
})

describe("waits in push mode that begin at once for one request", () => {
  const push = makePending("a", { deliveryMode: "push" })

  it.effect("have one subscription", () => {
    const { layer, subscribers } = slowInbox("20 seconds")
    return Effect.gen(function* () {
      const { driver } = yield* stub([pending], { isPushed: true })
      const waits = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(driver.wait(push)))
      yield* TestClock.adjust("20 seconds")
      expect([subscribers.size, ...waits.map(endOf)]).toEqual([1, "waiting", "waiting", "waiting"])
    }).pipe(provideServices(), Effect.provide(layer))
  })

  it.effect("have none when they were closed before it is there, and are interrupted", () => {
    const { layer, subscribers } = slowInbox("20 seconds")
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { driver } = yield* Scope.provide(stub([pending], { isPushed: true }), scope)
      const wait = yield* Effect.forkChild(driver.wait(push))
      yield* TestClock.adjust("1 second")
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("20 seconds")
      expect([subscribers.size, endOf(wait)]).toEqual([0, "interrupted"])
    }).pipe(provideServices(), Effect.provide(layer))
  })
})

it.effect("a wait in poll mode polls at the interval, also where there is an inbox", () => {
  const { layer } = slowInbox()
  return Effect.gen(function* () {
    const { began, driver } = yield* stub([send(tokens)])
    yield* driver.register(makePending("a"))
    yield* Effect.forkChild(driver.wait(makePending("a")))
    yield* TestClock.adjust("1 minute")
    expect(began).toEqual([5])
  }).pipe(provideServices(), Effect.provide(layer))
})

describe("the terms of waits", () => {
  const url = "https://provider.test/token"

  it("are the same object for those of one delivery mode that poll at one URL", () => {
    const termsOf = makeTermsOf(30_000, false)
    expect(termsOf("poll", url)).toBe(termsOf("poll", url))
    expect(termsOf("ping", url)).toMatchObject({ delivery: "ping", pingFallback: 30_000 })
    expect(termsOf("poll", url)).toMatchObject({ delivery: "poll" })
    expect(termsOf("poll", "https://other.test/token").interrupted.url).toBe("https://other.test/token")
  })

  it("store what is polled for, if there is a store: a push is stored by the inbox", () => {
    const isStored = (isPresent: boolean) =>
      (["poll", "ping", "push"] as const).map((delivery) => makeTermsOf(0, isPresent)(delivery, url).isStored)
    expect([isStored(true), isStored(false)]).toEqual([
      [true, true, false],
      [false, false, false]
    ])
  })

  it("name the request that was interrupted", () => {
    expect(makeTermsOf(0, false)("poll", url).interrupted).toMatchObject({ kind: "Interrupted", method: "POST", url })
  })
})
