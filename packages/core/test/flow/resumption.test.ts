// A process ends, and another one resumes its authentications from the store.
import { describe, expect, it } from "@effect/vitest"
import { Ciba, PendingAuthentication, PendingStore } from "@effect-ciba/core"
import { ProviderScript, TestUser } from "@effect-ciba/testing"
import { DateTime, Effect, Fiber, Layer } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { requestsTo } from "../support/AuthenticationFlow.ts"
import {
  advanceInSteps,
  client,
  killProcess,
  pollTimes,
  recordDecisions,
  request,
  sharedServices,
  startProcess,
  storedAuthentications,
  storeOverKeyValue
} from "../support/ProcessRestarts.ts"
import { waitUntil } from "../support/TestTime.ts"

const { delay, html, lost, pending, reset, slowDown, status } = ProviderScript

const script = (...answers: ReadonlyArray<ProviderScript.Step>) => ({ tokenScript: ProviderScript.make(answers) })

describe("a process that is killed", () => {
  it.effect("again and again still polls: a resumed wait does not start its delay again (H20)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = recordDecisions()
      const asking = yield* startProcess(Ciba.authenticateAll([request], handle), client())
      yield* TestClock.adjust("2 seconds")
      yield* killProcess(asking)
      for (let life = 0; life < 3; life += 1) {
        const next = yield* startProcess(Ciba.resumeAll(handle), client())
        yield* TestClock.adjust("2 seconds")
        yield* killProcess(next)
      }
      expect(yield* pollTimes).toEqual([5])
      const last = yield* startProcess(Ciba.resumeAll(handle), client())
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(last)
      expect(outcomes).toEqual(["jo"])
      expect(yield* pollTimes).toEqual([5, 10])
    }).pipe(sharedServices({ user: TestUser.approve(), ...script(pending) }))
  )
})

for (const [name, store] of [
  ["in memory", PendingStore.layerMemory],
  ["over a KeyValueStore", storeOverKeyValue]
] as const) {
  describe(`a restart with a store ${name}`, () => {
    it.effect("keeps the interval that slow_down has increased (H2, H11, T-3, T-36)", () =>
      Effect.gen(function* () {
        const { handle, outcomes } = recordDecisions()
        const first = yield* startProcess(Ciba.authenticateAll([request], handle), client())
        yield* advanceInSteps("20 seconds")
        yield* killProcess(first)
        const second = yield* startProcess(Ciba.resumeAll(handle), client())
        yield* advanceInSteps("50 seconds")
        expect(yield* pollTimes).toEqual([5, 15, 30, 45])
        yield* Fiber.join(second)
        expect(outcomes).toEqual(["jo"])
      }).pipe(sharedServices({ user: TestUser.approve(), ...script(slowDown(), slowDown(), pending) }, store))
    )

    it.effect("waits a full interval after a poll whose response was not read (H2, H3, H34, T-1)", () =>
      Effect.gen(function* () {
        const { handle, outcomes } = recordDecisions()
        const first = yield* startProcess(Ciba.authenticateAll([request], handle), client())
        yield* advanceInSteps("8 seconds")
        yield* killProcess(first)
        expect((yield* storedAuthentications).map(({ wait }) => [wait?.lost?.kind, wait?.phase._tag])).toEqual([
          ["Interrupted", "Polling"]
        ])
        const second = yield* startProcess(Ciba.resumeAll(handle), client())
        yield* advanceInSteps("10 seconds")
        expect(yield* pollTimes).toEqual([5, 13])
        yield* Fiber.join(second)
        expect(outcomes).toEqual(["jo"])
      }).pipe(sharedServices({ user: TestUser.approve(), ...script(delay("4 seconds", pending)) }, store))
    )

    it.effect("fails with OutcomeUnknown after a lost response when the auth_req_id is redeemed (H14, H19)", () =>
      Effect.gen(function* () {
        const { handle, outcomes } = recordDecisions()
        const first = yield* startProcess(Ciba.authenticateAll([request], handle), client())
        yield* advanceInSteps("7 seconds")
        yield* killProcess(first)
        const second = yield* startProcess(Ciba.resumeAll(handle), client())
        yield* advanceInSteps("20 seconds")
        yield* Fiber.join(second)
        expect(outcomes).toEqual(["OutcomeUnknown"])
        expect(yield* storedAuthentications).toEqual([])
      }).pipe(sharedServices({ user: TestUser.approve(), ...script(lost) }, store))
    )

    it.effect("verifies a stored token response without another token request, also after the expiry (H19)", () =>
      Effect.gen(function* () {
        const { handle, outcomes } = recordDecisions()
        const first = yield* startProcess(
          Ciba.authenticateAll([request], () => Effect.never),
          client()
        )
        yield* advanceInSteps("6 seconds")
        yield* waitUntil(storedAuthentications, ([one]) => one?.received !== undefined)
        yield* killProcess(first)
        yield* advanceInSteps("10 minutes", "5 minutes")
        const second = yield* startProcess(Ciba.resumeAll(handle), client())
        yield* advanceInSteps("1 second")
        yield* Fiber.join(second)
        expect(outcomes).toEqual(["jo"])
        expect(yield* pollTimes).toEqual([5])
        expect(yield* storedAuthentications).toEqual([])
      }).pipe(sharedServices({ user: TestUser.approve(), expiresIn: "1 minute" }, store))
    )
  })
}

describe("a restart", () => {
  it.effect("during the response of an approval leads to OutcomeUnknown (H14)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = recordDecisions()
      const slow = Layer.effect(
        HttpClient.HttpClient,
        Effect.map(
          HttpClient.HttpClient,
          HttpClient.transform((response, { url }) =>
            url.endsWith("/token") ? Effect.tap(response, Effect.sleep("2 seconds")) : response
          )
        )
      )
      const first = yield* startProcess(Ciba.authenticateAll([request], handle), Layer.provide(client(), slow))
      yield* TestClock.adjust("6 seconds")
      yield* killProcess(first)
      const second = yield* startProcess(Ciba.resumeAll(handle), client())
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(second)
      expect(outcomes).toEqual(["OutcomeUnknown"])
      expect(yield* pollTimes).toEqual([5, 11])
    }).pipe(sharedServices({ user: TestUser.approve() }))
  )

  it.effect("loses no token response that was received: an interruption waits until it is stored (H25)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = recordDecisions()
      const store = yield* PendingStore.PendingStore
      const slow = Layer.succeed(
        PendingStore.PendingStore,
        PendingStore.PendingStore.of({
          ...store,
          put: (pending) => Effect.delay(store.put(pending), pending.received === undefined ? 0 : "1 second")
        })
      )
      const first = yield* startProcess(Ciba.authenticateAll([request], handle), Layer.provide(client(), slow))
      yield* TestClock.adjust("5500 millis")
      const end = yield* Effect.forkChild(killProcess(first))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(end)
      const second = yield* startProcess(Ciba.resumeAll(handle), client())
      yield* Fiber.join(second)
      expect(outcomes).toEqual(["jo"])
      expect(yield* pollTimes).toEqual([5])
    }).pipe(sharedServices({ user: TestUser.approve() }))
  )

  it.effect("verifies a stored token response as soon as the keys can be fetched again (T-34)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = recordDecisions()
      const first = yield* startProcess(
        Ciba.authenticateAll([request], () => Effect.never),
        client()
      )
      yield* TestClock.adjust("6 seconds")
      yield* killProcess(first)
      const second = yield* startProcess(Ciba.resumeAll(handle), client())
      yield* TestClock.adjust("2 seconds")
      expect(outcomes).toEqual([])
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(second)
      expect(outcomes).toEqual(["jo"])
      expect(yield* pollTimes).toEqual([5])
    }).pipe(
      sharedServices({
        user: TestUser.approve(),
        keysScript: ProviderScript.make([ProviderScript.proceed, status(503), reset, status(502)])
      })
    )
  )

  it.effect("waits for a provider that is down, and continues at the stored interval (H2, H21)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = recordDecisions()
      const first = yield* startProcess(Ciba.authenticateAll([request], handle), client())
      yield* TestClock.adjust("6 seconds")
      yield* killProcess(first)
      const second = yield* startProcess(Ciba.resumeAll(handle), client())
      yield* TestClock.adjust("30 seconds")
      yield* Fiber.join(second)
      expect(outcomes).toEqual(["jo"])
      expect((yield* requestsTo("discovery")).map(({ at }) => at / 1000)).toEqual([0, 6, 7, 9, 13])
      expect(yield* pollTimes).toEqual([5, 13])
    }).pipe(
      sharedServices({
        user: TestUser.approve(),
        ...script(pending),
        discoveryScript: ProviderScript.make([ProviderScript.proceed, reset, status(503), html(502)])
      })
    )
  )

  it.effect("reports an expired request, sends nothing, and removes it from the store (F9, H18)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = recordDecisions()
      const first = yield* startProcess(Ciba.authenticateAll([request], handle), client())
      yield* TestClock.adjust("12 seconds")
      yield* killProcess(first)
      yield* TestClock.adjust("1 hour")
      expect(yield* storedAuthentications).toHaveLength(1)
      const second = yield* startProcess(Ciba.resumeAll(handle), client())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(second)
      expect(outcomes).toEqual(["ExpiredToken"])
      expect(yield* storedAuthentications).toEqual([])
      expect(yield* pollTimes).toEqual([5, 10])
    }).pipe(sharedServices({ user: TestUser.ignore, expiresIn: "1 minute" }))
  )

  it.effect("does not touch authentications of another client or issuer, completed or not", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = recordDecisions()
      const first = yield* startProcess(
        Ciba.authenticateAll([request, request], () => Effect.never),
        client()
      )
      yield* TestClock.adjust("6 seconds")
      yield* killProcess(first)
      const store = yield* PendingStore.PendingStore
      const [one, other] = yield* storedAuthentications
      expect(one?.received).toBeDefined()
      expect(other?.received).toBeDefined()
      for (const pending of yield* storedAuthentications) {
        const { received: _received, wait: _wait, ...unanswered } = pending
        yield* store.put(PendingAuthentication.update(pending, { clientId: "another" }))
        for (const change of [{ clientId: "another" }, { issuer: "https://another.test" }]) {
          const foreign = PendingAuthentication.PendingAuthentication.make({ ...unanswered, ...change })
          yield* store.put(PendingAuthentication.update(foreign, { id: `${pending.id} of ${Object.values(change)}` }))
        }
      }
      const second = yield* startProcess(Ciba.resumeAll(handle), client())
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.join(second)
      expect(outcomes).toEqual([])
      expect(yield* storedAuthentications).toHaveLength(6)
      expect(yield* pollTimes).toEqual([5, 5])
    }).pipe(sharedServices({ user: TestUser.approve() }))
  )

  it.effect("handles an outcome again when its handler failed, and redeems nothing again (H19)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = recordDecisions()
      const failing = yield* startProcess(
        Effect.flip(Ciba.authenticateAll([request], () => Effect.fail("the disk is full"))),
        client()
      )
      yield* TestClock.adjust("6 seconds")
      expect(yield* Fiber.join(failing)).toBe("the disk is full")
      expect(yield* storedAuthentications).toHaveLength(1)
      const second = yield* startProcess(Ciba.resumeAll(handle), client())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(second)
      expect(outcomes).toEqual(["jo"])
      expect(yield* storedAuthentications).toEqual([])
      expect(yield* pollTimes).toEqual([5])
    }).pipe(sharedServices({ user: TestUser.approve() }))
  )

  it.effect("counts the expiry from the sending of the request, however often it is restarted (F9, F10, H18)", () =>
    Effect.gen(function* () {
      const { handle, outcomes } = recordDecisions()
      const first = yield* startProcess(Ciba.authenticateAll([request], handle), client())
      yield* TestClock.adjust("7 seconds")
      yield* killProcess(first)
      for (let count = 0; count < 9; count += 1) {
        const next = yield* startProcess(Ciba.resumeAll(handle), client())
        yield* TestClock.adjust("7 seconds")
        yield* killProcess(next)
      }
      expect(outcomes).toEqual(["ExpiredToken"])
      expect(DateTime.toEpochMillis(yield* DateTime.now)).toBe(70_000)
      expect(Math.max(...(yield* pollTimes))).toBeLessThan(60)
    }).pipe(sharedServices({ user: TestUser.ignore, expiresIn: "1 minute" }))
  )
})
