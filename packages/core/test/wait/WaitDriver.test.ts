import { describe, expect, it } from "@effect/vitest"
import { Ciba, NotificationInbox, NotificationReceiver, PendingStore } from "@effect-ciba/core"
import { ProviderScript, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { acknowledgement, cibaLayer, hint, withResponses } from "../support/AuthenticationFlow.ts"
import { publishedKeys } from "../support/PublishedKeys.ts"
import { advanceUntilDone, awaitCrypto } from "../support/TestTime.ts"

const { hang, json, proceed } = ProviderScript

const request = { scope: ["openid"], hint }

const pollTimes = TestProvider.TestProvider.use(({ polls }) => Effect.map(polls, (all) => all.map((at) => at / 1000)))

const notify = Effect.gen(function* () {
  const provider = yield* TestProvider.TestProvider
  const handle = yield* NotificationReceiver.toWebHandler()
  const notification = yield* provider.notification({})
  const { status } = yield* Effect.promise(() => handle(notification))
  return status
})

const inMode = (deliveryMode: "ping" | "push") => ({
  client: TestClient.clientSecretBasic({ notification: { deliveryMode, url: "https://client.test/ciba" } })
})

describe("WaitDriver", () => {
  it.effect("polls on time while the metadata hangs, and verifies when it is there again (H31)", () =>
    Effect.gen(function* () {
      const wait = yield* Effect.forkChild(Ciba.authenticate(request))
      yield* TestClock.adjust("15 seconds")
      yield* advanceUntilDone(wait, "10 seconds")
      expect((yield* Fiber.join(wait)).subject).toBe("jo")
      expect(yield* pollTimes).toEqual([5, 10, 15])
    }).pipe(
      Effect.provide(
        cibaLayer(
          {
            user: TestUser.approve({ after: "12 seconds" }),
            discoveryScript: ProviderScript.make([proceed, hang, hang])
          },
          { lifetime: "3 seconds" }
        )
      )
    )
  )

  it.effect("polls on time while the keys hang, and verifies when they are there again (H31, T-34)", () =>
    Effect.gen(function* () {
      const pending = yield* Ciba.initiate(request)
      yield* TestClock.adjust("1 minute")
      const wait = yield* Effect.forkChild(Ciba.complete(pending))
      yield* TestClock.adjust("5 seconds")
      expect(yield* pollTimes).toEqual([65])
      yield* advanceUntilDone(wait, "10 seconds")
      expect((yield* Fiber.join(wait)).subject).toBe("jo")
    }).pipe(
      Effect.provide(
        cibaLayer(
          { user: TestUser.approve(), keysScript: ProviderScript.make([proceed, hang, hang]) },
          { keys: { lifetime: "10 seconds" } }
        )
      )
    )
  )

  it.effect("verifies with a key that is published up to two minutes after the response (H32, A13)", () => {
    let isPublished = false
    const old = publishedKeys.keys
    return Effect.gen(function* () {
      const wait = yield* Effect.forkChild(Ciba.authenticate(request))
      yield* TestClock.adjust("5 seconds")
      yield* TestClock.adjust("90 seconds")
      expect(wait.pollUnsafe()).toBeUndefined()
      isPublished = true
      yield* advanceUntilDone(wait, "10 seconds")
      expect((yield* Fiber.join(wait)).subject).toBe("jo")
      expect(yield* pollTimes).toEqual([5])
    }).pipe(
      Effect.provide(cibaLayer({ user: TestUser.approve(), keys: ({ keys }) => ({ keys: isPublished ? keys : old }) }))
    )
  })

  it.effect("makes one poll of a ping that arrives while the store is slow (H33, K9)", () =>
    Effect.gen(function* () {
      const wait = yield* Effect.forkChild(Ciba.complete(yield* Ciba.initiate(request)))
      yield* awaitCrypto
      yield* TestClock.adjust("30200 millis")
      expect(yield* notify).toBe(204)
      expect(yield* notify).toBe(204)
      yield* awaitCrypto
      yield* TestClock.adjust("5 seconds")
      expect(yield* pollTimes).toEqual([30.5])
      yield* TestClock.adjust("2 seconds")
      expect(yield* pollTimes).toEqual([30.5, 36])
      yield* Fiber.interrupt(wait)
    }).pipe(
      Effect.provide(
        cibaLayer({ ...inMode("ping"), user: TestUser.ignore, pacing: "off" }, { deliveryMode: "ping" }).pipe(
          Layer.provideMerge(NotificationInbox.layer),
          Layer.provide(slowStore)
        )
      )
    )
  )

  it.effect("knows as redeemed what a push brought and was handled (H35, H19)", () =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const pending = yield* Ciba.initiate(request)
      const wait = yield* Effect.forkChild(Ciba.complete(pending))
      yield* provider.approve()
      expect(yield* notify).toBe(204)
      expect((yield* Fiber.join(wait)).subject).toBe("jo")
      expect((yield* Effect.flip(Ciba.complete(pending))).reason._tag).toBe("AlreadyRedeemed")
    }).pipe(
      Effect.provide(
        cibaLayer(inMode("push"), { deliveryMode: "push" }).pipe(Layer.provideMerge(NotificationInbox.layer))
      )
    )
  )

  it.effect("refuses an acknowledgement with the auth_req_id of another waiting request (H35)", () =>
    Effect.gen(function* () {
      const first = yield* Ciba.initiate(request)
      const { advice, reason } = yield* Effect.flip(Ciba.initiate(request))
      expect(reason._tag).toBe("DuplicateAuthReqId")
      expect(advice).toContain("Report it to the provider")
      yield* TestClock.adjust("3 minutes")
      expect((yield* Ciba.initiate(request)).id).not.toBe(first.id)
    }).pipe(
      Effect.provide(
        cibaLayer(withResponses(json(200, acknowledgement), json(200, acknowledgement), json(200, acknowledgement)))
      )
    )
  )

  it.effect("refuses a client notification token of another request before anything is sent (H35)", () =>
    Effect.gen(function* () {
      const clientNotificationToken = Redacted.make("0123456789abcdef0123456789")
      yield* Ciba.initiate({ ...request, clientNotificationToken })
      const { reason } = yield* Effect.flip(Ciba.initiate({ ...request, clientNotificationToken }))
      expect(reason.message).toBe(
        "client_notification_token: another request has it; leave it out to use a generated one"
      )
      const provider = yield* TestProvider.TestProvider
      const sent = (yield* provider.requests).filter(({ endpoint }) => endpoint === "backchannel")
      expect(sent).toHaveLength(1)
      expect(yield* notify).toBe(204)
    }).pipe(
      Effect.provide(
        cibaLayer(inMode("ping"), { deliveryMode: "ping" }).pipe(Layer.provideMerge(NotificationInbox.layer))
      )
    )
  )
})

/** Each write of a wait takes half a second. */
const slowStore = Layer.effect(
  PendingStore.PendingStore,
  Effect.map(PendingStore.PendingStore, (store) =>
    PendingStore.PendingStore.of({
      ...store,
      put: (pending) => Effect.delay(store.put(pending), pending.wait === undefined ? 0 : "500 millis")
    })
  )
).pipe(Layer.provide(PendingStore.layerMemory))
