import { describe, expect, it } from "@effect/vitest"
import { NotificationInbox, PendingStore } from "@effect-ciba/core"
import { DateTime, Effect, Exit, Fiber, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { deliver, isExpected } from "../support/Inbox.ts"
import { notification, notificationToken, pending } from "../support/PendingAuthentications.ts"
import { waitUntil } from "../support/TestTime.ts"

const inbox = NotificationInbox.layer

const using =
  <A, E>(
    test: (inbox: NotificationInbox.Service) => Effect.Effect<A, E>,
    store: Layer.Layer<PendingStore.PendingStore> | Layer.Layer<never> = Layer.empty
  ) =>
  () =>
    Effect.provide(NotificationInbox.NotificationInbox.use(test), Layer.provide(inbox, store))

const expiry = DateTime.makeUnsafe(120_000)

describe("NotificationInbox", () => {
  it.effect(
    "delivers a notification to the wait that has its token, and to no other (K2, K7)",
    using(
      Effect.fnUntraced(function* (inbox) {
        const [a, b] = [pending("a"), pending("b")]
        yield* inbox.acknowledge(a)
        yield* inbox.acknowledge(b)
        const forA = yield* Effect.forkChild(inbox.await(a))
        const forB = yield* Effect.forkChild(inbox.await(b))
        expect(yield* deliver(inbox, notificationToken("token-a"), notification("a"))).toBe("Accepted")
        expect(Redacted.value((yield* Fiber.join(forA)).authReqId)).toBe("request-a")
        expect(forB.pollUnsafe()).toBeUndefined()
        yield* Fiber.interrupt(forB)
      })
    )
  )

  it.effect("delivers a push although its request is aborted while the push is being stored (L17, T-17)", () => {
    let isStoring = false
    return Effect.gen(function* () {
      const store = yield* PendingStore.PendingStore
      const inbox = yield* NotificationInbox.NotificationInbox
      const request = pending("a", { deliveryMode: "push" })
      yield* inbox.acknowledge(request)
      const call = yield* Effect.forkChild(deliver(inbox, notificationToken("token-a"), notification("a")))
      yield* waitUntil(
        Effect.sync(() => isStoring),
        (isStarted) => isStarted
      )
      yield* Effect.forkChild(Fiber.interrupt(call))
      yield* TestClock.adjust("2 seconds")
      expect(Redacted.value((yield* inbox.await(request)).authReqId)).toBe("request-a")
      expect((yield* store.all).map(({ received }) => received !== undefined)).toEqual([true])
    }).pipe(
      Effect.provide(
        inbox.pipe(
          Layer.provideMerge(
            Layer.effect(
              PendingStore.PendingStore,
              PendingStore.PendingStore.use((store) =>
                Effect.succeed({
                  ...store,
                  put: (one) =>
                    Effect.suspend(() => {
                      isStoring = true
                      return Effect.delay(store.put(one), "2 seconds")
                    })
                })
              )
            )
          ),
          Layer.provide(PendingStore.layerMemory)
        )
      )
    )
  })

  it.effect(
    "delivers one notification to all waits for the same request, also when they begin before the acknowledgement (H3, K9)",
    using(
      Effect.fnUntraced(function* (inbox) {
        const waits = yield* Effect.forEach(Array.from({ length: 20 }), () =>
          Effect.forkChild(inbox.await(pending("a")))
        )
        yield* inbox.acknowledge(pending("a"))
        expect(yield* deliver(inbox, notificationToken("token-a"), notification("a"))).toBe("Accepted")
        const notifications = yield* Effect.forEach(waits, Fiber.join)
        expect(new Set(notifications.map(({ authReqId }) => Redacted.value(authReqId)))).toEqual(new Set(["request-a"]))
      })
    )
  )

  it.effect(
    "gives the notification of one request to no other request with the same client notification token (K2, K7)",
    using(
      Effect.fnUntraced(function* (inbox) {
        const [a, b] = [pending("a"), pending("b", { clientNotificationToken: notificationToken("token-a") })]
        yield* inbox.acknowledge(a)
        yield* inbox.acknowledge(b)
        const forB = yield* Effect.forkChild(inbox.await(b))
        yield* inbox.close(b)
        expect(yield* deliver(inbox, notificationToken("token-a"), notification("a"))).toBe("Accepted")
        expect(Redacted.value((yield* inbox.await(a)).authReqId)).toBe("request-a")
        yield* TestClock.adjust("1 second")
        expect(forB.pollUnsafe()).toBeUndefined()
        yield* Fiber.interrupt(forB)
      })
    )
  )

  it.effect(
    "refuses an unknown client notification token, and one with another request's auth_req_id (K2, K3, K8, L2)",
    using(
      Effect.fnUntraced(function* (inbox) {
        yield* inbox.acknowledge(pending("a"))
        yield* inbox.acknowledge(pending("b"))
        expect(yield* isExpected(inbox, notificationToken("token-a"))).toBe(true)
        expect(yield* isExpected(inbox, notificationToken("token-x"))).toBe(false)
        expect(yield* deliver(inbox, notificationToken("token-x"), notification("a"))).toBe("Refused")
        expect(yield* deliver(inbox, notificationToken("token-a"), notification("b"))).toBe("Refused")
        expect(yield* deliver(inbox, notificationToken("token-a"), notification("unknown"))).toBe("Refused")
        expect(yield* deliver(inbox, notificationToken("token-a"), notification("a"))).toBe("Accepted")
      })
    )
  )

  it.effect(
    "accepts the first of many concurrent notifications, and reports the others as duplicates, also after the wait (K9, L14)",
    using(
      Effect.fnUntraced(function* (inbox) {
        yield* inbox.acknowledge(pending("a"))
        const deliveries = yield* Effect.replicateEffect(
          deliver(inbox, notificationToken("token-a"), notification("a")),
          50,
          {
            concurrency: "unbounded"
          }
        )
        expect(deliveries.filter((delivery) => delivery === "Accepted")).toHaveLength(1)
        expect(deliveries.filter((delivery) => delivery === "Duplicate")).toHaveLength(49)
        yield* inbox.close(pending("a"))
        expect(yield* deliver(inbox, notificationToken("token-a"), notification("a"))).toBe("Duplicate")
      })
    )
  )

  it.effect(
    "delivers a ping that arrived before the acknowledgement, if both have the same auth_req_id (K10)",
    using(
      Effect.fnUntraced(function* (inbox) {
        yield* inbox.expect({ token: notificationToken("token-a"), deliveryMode: "ping", expiresAt: expiry })
        yield* inbox.expect({ token: notificationToken("token-b"), deliveryMode: "ping", expiresAt: expiry })
        expect(yield* deliver(inbox, notificationToken("token-a"), notification("a"))).toBe("Accepted")
        expect(yield* deliver(inbox, notificationToken("token-a"), notification("a"))).toBe("Duplicate")
        expect(yield* deliver(inbox, notificationToken("token-b"), notification("a"))).toBe("Accepted")
        const forA = yield* Effect.forkChild(inbox.await(pending("a")))
        const forB = yield* Effect.forkChild(inbox.await(pending("b")))
        yield* TestClock.adjust("1 second")
        expect(Exit.isSuccess(yield* Fiber.await(forA))).toBe(true)
        expect(forB.pollUnsafe()).toBeUndefined()
        yield* Fiber.interrupt(forB)
      })
    )
  )

  it.effect(
    "holds a push until its request is acknowledged, and refuses it if no acknowledgement comes (K10, L2)",
    using(
      Effect.fnUntraced(function* (inbox) {
        const [a, b] = [pending("a", { deliveryMode: "push" }), notificationToken("token-b")]
        yield* inbox.expect({ token: notificationToken("token-a"), deliveryMode: "push", expiresAt: expiry })
        yield* inbox.expect({ token: b, deliveryMode: "push", expiresAt: expiry })
        const first = yield* Effect.forkChild(deliver(inbox, notificationToken("token-a"), notification("a")))
        const second = yield* Effect.forkChild(deliver(inbox, b, notification("b")))
        yield* TestClock.adjust("5 seconds")
        expect(first.pollUnsafe()).toBeUndefined()
        yield* inbox.acknowledge(a)
        expect(yield* Fiber.join(first)).toBe("Accepted")
        const passing = Effect.andThen(
          TestClock.adjust("1 second"),
          Effect.promise(() => new Promise(setImmediate))
        )
        expect(yield* Effect.raceFirst(Fiber.join(second), Effect.forever(passing))).toBe("Refused")
      })
    )
  )

  it.effect(
    "refuses the client notification token of a request that has expired or failed (K18)",
    using(
      Effect.fnUntraced(function* (inbox) {
        yield* inbox.acknowledge(pending("a"))
        yield* inbox.expect({ token: notificationToken("token-b"), deliveryMode: "ping", expiresAt: expiry })
        yield* inbox.unregister(notificationToken("token-b"))
        expect(yield* isExpected(inbox, notificationToken("token-b"))).toBe(false)
        yield* TestClock.adjust("119 seconds")
        expect(yield* isExpected(inbox, notificationToken("token-a"))).toBe(true)
        yield* TestClock.adjust("1 second")
        expect(yield* isExpected(inbox, notificationToken("token-a"))).toBe(false)
        expect(yield* deliver(inbox, notificationToken("token-a"), notification("a"))).toBe("Refused")
      })
    )
  )

  it.effect(
    "expects the notifications of all stored authentications, and knows which have arrived (K9, L1, T-17)",
    () => {
      const received = { body: Redacted.make({}, { label: "token response" }), at: DateTime.makeUnsafe(0) }
      const stored = [pending("a"), pending("b", { deliveryMode: "push" }), pending("c", { received })]
      const store = Layer.effect(
        PendingStore.PendingStore,
        Effect.tap(
          PendingStore.PendingStore,
          Effect.fnUntraced(function* (store) {
            yield* Effect.forEach(stored, store.put)
          })
        )
      ).pipe(Layer.provide(PendingStore.layerMemory), Layer.orDie)
      return using(
        Effect.fnUntraced(function* (inbox) {
          for (const [name, delivery] of [
            ["a", "Accepted"],
            ["b", "Accepted"],
            ["c", "Duplicate"],
            ["d", "Refused"]
          ] as const) {
            expect(yield* deliver(inbox, notificationToken(`token-${name}`), notification(name))).toBe(delivery)
          }
          expect(Redacted.value((yield* inbox.await(pending("a"))).authReqId)).toBe("request-a")
        }),
        store
      )()
    }
  )

  it.effect(
    "calls a subscriber back once, for the notification of its request, and not after it has left (K7)",
    using(
      Effect.fnUntraced(function* (inbox) {
        const calls: Array<string> = []
        const request = pending("a")
        yield* inbox.subscribe(request, ({ authReqId }) => calls.push(Redacted.value(authReqId)))
        const leave = yield* inbox.subscribe(request, () => calls.push("left"))
        leave()
        expect(calls).toEqual([])
        yield* deliver(inbox, notificationToken("token-a"), notification("a"))
        yield* inbox.close(request)
        expect(calls).toEqual(["request-a"])
      })
    )
  )

  it.effect(
    "closes the entry of one request, whose notifications are duplicates then, and of no other (K9, L14)",
    using(
      Effect.fnUntraced(function* (inbox) {
        yield* inbox.acknowledge(pending("a"))
        yield* inbox.close(pending("b"))
        expect(yield* deliver(inbox, notificationToken("token-a"), notification("a"))).toBe("Accepted")
        yield* inbox.close(pending("a"))
        expect(yield* deliver(inbox, notificationToken("token-a"), notification("a"))).toBe("Duplicate")
      })
    )
  )

  it.effect(
    "expects nothing for a request that polls",
    using(
      Effect.fnUntraced(function* (inbox) {
        const polls = pending("a", { deliveryMode: "poll" })
        yield* inbox.acknowledge(polls)
        expect(yield* isExpected(inbox, notificationToken("token-a"))).toBe(false)
        const calls: Array<unknown> = []
        const leave = yield* inbox.subscribe(polls, () => calls.push("called"))
        leave()
        expect(calls).toEqual([])
      })
    )
  )

  it.effect(
    "is expected once: another request cannot have the token of one that is waiting (H35)",
    using(
      Effect.fnUntraced(function* (inbox) {
        const expected = { token: notificationToken("token-a"), deliveryMode: "ping", expiresAt: expiry } as const
        expect(yield* inbox.expect(expected)).toBe(true)
        expect(yield* inbox.expect(expected)).toBe(false)
        yield* inbox.unregister(expected.token)
        expect(yield* isExpected(inbox, expected.token)).toBe(false)
        expect(yield* inbox.expect(expected)).toBe(true)
        yield* TestClock.adjust("2 minutes")
        expect(yield* isExpected(inbox, expected.token)).toBe(false)
      })
    )
  )

  it.effect("without a layer expects everything, and delivers nothing", () =>
    Effect.gen(function* () {
      const inbox = yield* NotificationInbox.orNone
      const expected = { token: notificationToken("token-a"), deliveryMode: "ping", expiresAt: expiry } as const
      expect(yield* inbox.expect(expected)).toBe(true)
      expect(yield* isExpected(inbox, expected.token)).toBe(false)
      expect(yield* deliver(inbox, expected.token, notification("a"))).toBe("Refused")
    })
  )

  it.effect("works without the stored authentications when the store fails at the start", () =>
    using(
      Effect.fnUntraced(function* (inbox) {
        yield* inbox.acknowledge(pending("a"))
        expect(yield* deliver(inbox, notificationToken("token-a"), notification("a"))).toBe("Accepted")
      }),
      Layer.succeed(PendingStore.PendingStore, {
        put: () => Effect.void,
        get: () => Effect.succeedNone,
        remove: () => Effect.void,
        all: Effect.fail(new PendingStore.PendingStoreError({ operation: "all", problem: "the disk is gone" }))
      })
    )()
  )

  it.effect(
    "stores a push before it accepts it, and delivers it to the wait also when it cannot be stored (L9, T-17)",
    () =>
      Effect.gen(function* () {
        let isFull = true
        const stored: Array<unknown> = []
        const store = PendingStore.PendingStore.of({
          put: (pending) =>
            isFull
              ? Effect.fail(new PendingStore.PendingStoreError({ operation: "put", problem: "the disk is full" }))
              : Effect.sync(() => void stored.push(pending.received && Redacted.value(pending.received.body))),
          get: () => Effect.succeedNone,
          remove: () => Effect.void,
          all: Effect.succeed([])
        })
        yield* Effect.gen(function* () {
          const inbox = yield* NotificationInbox.NotificationInbox
          const a = pending("a", { deliveryMode: "push" })
          yield* inbox.acknowledge(a)
          const wait = yield* Effect.forkChild(inbox.await(a))
          const another = deliver(inbox, notificationToken("token-a"), notification("a", { access_token: "another" }))
          const first = deliver(inbox, notificationToken("token-a"), notification("a", { access_token: "at" }))
          expect((yield* Effect.flip(first)).message).toContain("the disk is full")
          isFull = false
          expect(yield* another).toBe("Accepted")
          expect(yield* another).toBe("Duplicate")
          expect(stored).toEqual([{ auth_req_id: "request-a", access_token: "at" }])
          expect(Redacted.value((yield* Fiber.join(wait)).body)).toEqual(stored[0])
        }).pipe(Effect.provide(Layer.provide(inbox, Layer.succeed(PendingStore.PendingStore, store))))
      })
  )
})
