// What a flow stores, when it removes it, and what happens when the store fails.
import { describe, expect, it } from "@effect/vitest"
import { Ciba, PendingStore } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Fiber, Layer, Logger, Redacted, Schedule } from "effect"
import { TestClock } from "effect/testing"
import {
  client,
  killProcess,
  pollTimes,
  recordDecisions,
  request,
  sharedServices,
  startProcess,
  storedAuthentications
} from "../support/ProcessRestarts.ts"
import { advanceUntilDone, waitUntil } from "../support/TestTime.ts"

const { pending, proceed, reset } = ProviderScript

const ask = Ciba.initiate(request)

/** How a wait ends, as the tag of its reason. */
const ending = Effect.match(Effect.flatMap(ask, Ciba.complete), {
  onFailure: ({ reason }) => reason._tag,
  onSuccess: ({ subject }) => subject
})

/** A store that takes two seconds to write. */
const slow = Layer.effect(
  PendingStore.PendingStore,
  PendingStore.PendingStore.use((store) =>
    Effect.succeed({ ...store, put: (one) => Effect.andThen(Effect.sleep("2 seconds"), store.put(one)) })
  )
).pipe(Layer.provide(PendingStore.layerMemory))

describe("Ciba.initiate", () => {
  it.effect("stores an acknowledged authentication, also when it is interrupted at that moment (F9, H25)", () =>
    Effect.gen(function* () {
      const asking = yield* startProcess(ask, client())
      yield* TestClock.adjust("1 second")
      yield* Effect.forkChild(killProcess(asking))
      yield* TestClock.adjust("1 second")
      expect(yield* storedAuthentications).toHaveLength(1)
    }).pipe(sharedServices({}, slow))
  )
})

describe("CibaFlow.forget", () => {
  const moments = [
    ["before the first poll", "1 second", []],
    ["with the tokens", "8 seconds", [9]]
  ] as const
  for (const [moment, time, polls] of moments) {
    it.effect(`removes an authentication that is being stored ${moment}, and it does not come back (F9)`, () =>
      Effect.gen(function* () {
        const forgetting = yield* startProcess(
          Effect.gen(function* () {
            const pending = yield* ask
            const wait = yield* Effect.forkChild(Ciba.complete(pending))
            yield* Effect.sleep(time)
            yield* Fiber.interrupt(wait)
            yield* Ciba.Ciba.use((ciba) => ciba.forget(pending))
            yield* Effect.sleep("1 minute")
          }),
          client()
        )
        yield* advanceUntilDone(forgetting, "500 millis")
        expect(yield* storedAuthentications).toEqual([])
        expect(yield* pollTimes).toEqual(polls)
      }).pipe(sharedServices({ user: TestUser.approve() }, slow))
    )
  }
})

describe("Ciba.complete", () => {
  const decided: ReadonlyArray<readonly [end: string, provider: ProviderOptions]> = [
    ["jo", { user: TestUser.approve() }],
    ["AccessDenied", { user: TestUser.deny() }],
    ["ExpiredToken", { user: TestUser.ignore, expiresIn: "20 seconds" }],
    ["TransactionFailed", { tokenScript: ProviderScript.make([ProviderScript.error("transaction_failed")]) }],
    ["InvalidRequest", { tokenScript: ProviderScript.make([ProviderScript.error("invalid_request")]) }],
    ["InvalidGrant", { tokenScript: ProviderScript.make([ProviderScript.error("invalid_grant")]) }],
    ["InvalidTokenResponse", { tokenScript: ProviderScript.make([ProviderScript.json(200, { access_token: 1 })]) }],
    ["WrongAudience", { user: TestUser.approve(), idTokenClaims: (claims) => ({ ...claims, aud: "another" }) }]
  ]
  for (const [end, provider] of decided) {
    it.effect(`removes a completed authentication from the store: ${end} (F9)`, () =>
      Effect.gen(function* () {
        const wait = yield* startProcess(ending, client())
        yield* TestClock.adjust("1 second")
        expect(yield* storedAuthentications).toHaveLength(1)
        yield* TestClock.adjust("20 seconds")
        expect(yield* Fiber.join(wait)).toBe(end)
        expect(yield* storedAuthentications).toEqual([])
      }).pipe(sharedServices(provider))
    )
  }

  it.effect("leaves an authentication in the store after an error of the client, which can be corrected (H16)", () =>
    Effect.gen(function* () {
      const wait = yield* startProcess(ending, client())
      yield* TestClock.adjust("5 seconds")
      expect(yield* Fiber.join(wait)).toBe("InvalidClient")
      const { handle, outcomes } = recordDecisions()
      const next = yield* startProcess(Ciba.resumeAll(handle), client())
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(next)
      expect(outcomes).toEqual(["jo"])
      expect(yield* storedAuthentications).toEqual([])
    }).pipe(
      sharedServices({
        user: TestUser.approve(),
        tokenScript: ProviderScript.make([ProviderScript.error("invalid_client", { status: 401 })])
      })
    )
  )

  it.effect(
    "leaves an authentication in the store when the caller's schedule or an interruption has stopped the wait (H25)",
    () =>
      Effect.gen(function* () {
        const once = client({ poll: { schedule: (policy) => Schedule.upTo(policy, { times: 1 }) } })
        const stopped = yield* startProcess(ending, once)
        yield* TestClock.adjust("11 seconds")
        expect(yield* Fiber.join(stopped)).toBe("ScheduleExhausted")
        const interrupted = yield* startProcess(ending, client())
        yield* TestClock.adjust("2 seconds")
        yield* killProcess(interrupted)
        expect(yield* storedAuthentications).toHaveLength(2)
        yield* TestClock.adjust("10 minutes")
        expect(yield* pollTimes).toEqual([5, 10])
      }).pipe(sharedServices({ user: TestUser.approve(), tokenScript: ProviderScript.make([pending, pending]) }))
  )

  it.effect("leaves a token response in the store while its keys cannot be fetched (H19, T-34)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const { handle, outcomes } = recordDecisions()
      const process = yield* startProcess(
        Effect.gen(function* () {
          const asked = yield* ask
          const first = yield* Effect.flip(Ciba.complete(asked))
          const second = yield* Effect.flip(Ciba.complete(asked))
          return [first._tag, second._tag]
        }),
        client()
      )
      yield* TestClock.adjust("2 seconds")
      yield* provider.rotateKeys
      yield* TestClock.adjust("3 seconds")
      yield* waitUntil(storedAuthentications, ([one]) => one?.received !== undefined)
      yield* advanceUntilDone(process, "30 seconds")
      expect(yield* Fiber.join(process)).toEqual(["DiscoveryError", "DiscoveryError"])
      expect(yield* storedAuthentications).toHaveLength(1)
      const next = yield* startProcess(Ciba.resumeAll(handle), client())
      yield* advanceUntilDone(next, "30 seconds")
      yield* Fiber.join(next)
      expect(outcomes).toEqual(["jo"])
      expect(yield* pollTimes).toEqual([5])
    }).pipe(
      sharedServices({
        user: TestUser.approve(),
        keysScript: ProviderScript.make([proceed, ...Array.from({ length: 13 }, () => reset)])
      })
    )
  )
})

describe("a PendingStore that fails", () => {
  it.effect("does not end a wait, and is logged without any secret", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const lines: Array<string> = []
      const listener = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
      const fail = (operation: "put" | "remove") => () =>
        Effect.fail(new PendingStore.PendingStoreError({ operation, problem: "the disk is full" }))
      const store = Layer.succeed(
        PendingStore.PendingStore,
        PendingStore.PendingStore.of({
          put: fail("put"),
          get: () => Effect.succeedNone,
          remove: fail("remove"),
          all: Effect.succeed([])
        })
      )
      const wait = yield* startProcess(ending, Layer.mergeAll(client(), listener).pipe(Layer.provide(store)))
      yield* TestClock.adjust("10 seconds")
      expect(yield* Fiber.join(wait)).toBe("jo")
      expect(yield* pollTimes).toEqual([5, 10])
      expect(new Set(lines)).toEqual(
        new Set(
          ["put", "remove"].map(
            (one) => `the store of pending authentications failed (operation "${one}"): the disk is full`
          )
        )
      )
      const sent = (yield* provider.requests).flatMap(({ parameters }) => parameters.map(([, value]) => value))
      const secrets = [...sent.filter((value) => value.length > 12), Redacted.value(TestClient.secret)]
      expect(secrets.length).toBeGreaterThan(2)
      expect(secrets.filter((secret) => lines.join("\n").includes(secret))).toEqual([])
    }).pipe(sharedServices({ user: TestUser.approve(), tokenScript: ProviderScript.make([pending]) }))
  )

  it.effect("fails Ciba.resumeAll with a PendingStoreError, also if it dies, and quotes nothing (T-36)", () => {
    const dead = Effect.die(new Error("marker-secret"))
    return Effect.gen(function* () {
      const error = yield* Effect.flip(Ciba.resumeAll(() => Effect.void))
      expect(String(error)).toBe(
        'PendingStoreError: the store of pending authentications failed (operation "all"): it threw or died instead of failing with a PendingStoreError'
      )
    }).pipe(
      Effect.provide(client()),
      sharedServices(
        {},
        Layer.succeed(PendingStore.PendingStore, { put: () => dead, get: () => dead, remove: () => dead, all: dead })
      )
    )
  })
})
