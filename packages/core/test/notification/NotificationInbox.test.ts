// What every `NotificationInbox` has to do, whatever it is made of.
import { describe, expect, it } from "@effect/vitest"
import { NotificationInbox, PendingStore } from "@effect-ciba/core"
import { DateTime, Effect, Exit, Fiber, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
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
    "hands a call to the wait that it is for, and to nobody else (K2, K7)",
    using(
      Effect.fnUntraced(function* (inbox) {
        const [a, b] = [pending("a"), pending("b")]
        yield* inbox.acknowledge(a)
        yield* inbox.acknowledge(b)
        const forA = yield* Effect.forkChild(inbox.await(a))
        const forB = yield* Effect.forkChild(inbox.await(b))
        expect(yield* inbox.deliver(notificationToken("token-a"), notification("a"))).toBe("Accepted")
        expect(Redacted.value((yield* Fiber.join(forA)).authReqId)).toBe("request-a")
        expect(forB.pollUnsafe()).toBeUndefined()
        yield* Fiber.interrupt(forB)
      })
    )
  )

  it.effect("hands over a push that is being kept when its caller goes away (L17, T-17)", () => {
    let isKeeping = false
    return Effect.gen(function* () {
      const store = yield* PendingStore.PendingStore
      const inbox = yield* NotificationInbox.NotificationInbox
      const asked = pending("a", { deliveryMode: "push" })
      yield* inbox.acknowledge(asked)
      const call = yield* Effect.forkChild(inbox.deliver(notificationToken("token-a"), notification("a")))
      yield* waitUntil(
        Effect.sync(() => isKeeping),
        (begun) => begun
      )
      yield* Effect.forkChild(Fiber.interrupt(call))
      yield* TestClock.adjust("2 seconds")
      expect(Redacted.value((yield* inbox.await(asked)).authReqId)).toBe("request-a")
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
                      isKeeping = true
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
    "hands a call to all who take it, also where they are the first to speak of it (H3, K9)",
    using(
      Effect.fnUntraced(function* (inbox) {
        const takes = yield* Effect.forEach(Array.from({ length: 20 }), () =>
          Effect.forkChild(inbox.await(pending("a")))
        )
        yield* inbox.acknowledge(pending("a"))
        expect(yield* inbox.deliver(notificationToken("token-a"), notification("a"))).toBe("Accepted")
        const taken = yield* Effect.forEach(takes, Fiber.join)
        expect(new Set(taken.map(({ authReqId }) => Redacted.value(authReqId)))).toEqual(new Set(["request-a"]))
      })
    )
  )

  it.effect(
    "refuses a bearer that it does not know, and one with another request's id (K2, K3, K8, L2)",
    using(
      Effect.fnUntraced(function* (inbox) {
        yield* inbox.acknowledge(pending("a"))
        yield* inbox.acknowledge(pending("b"))
        expect(yield* inbox.isExpected(notificationToken("token-a"))).toBe(true)
        expect(yield* inbox.isExpected(notificationToken("token-x"))).toBe(false)
        expect(yield* inbox.deliver(notificationToken("token-x"), notification("a"))).toBe("Refused")
        expect(yield* inbox.deliver(notificationToken("token-a"), notification("b"))).toBe("Refused")
        expect(yield* inbox.deliver(notificationToken("token-a"), notification("nobody"))).toBe("Refused")
        expect(yield* inbox.deliver(notificationToken("token-a"), notification("a"))).toBe("Accepted")
      })
    )
  )

  it.effect(
    "takes the first call, and knows the others for duplicates, also at the same time and after the end (K9, L14)",
    using(
      Effect.fnUntraced(function* (inbox) {
        yield* inbox.acknowledge(pending("a"))
        const deliveries = yield* Effect.replicateEffect(
          inbox.deliver(notificationToken("token-a"), notification("a")),
          50,
          {
            concurrency: "unbounded"
          }
        )
        expect(deliveries.filter((delivery) => delivery === "Accepted")).toHaveLength(1)
        expect(deliveries.filter((delivery) => delivery === "Duplicate")).toHaveLength(49)
        yield* inbox.close(pending("a"))
        expect(yield* inbox.deliver(notificationToken("token-a"), notification("a"))).toBe("Duplicate")
      })
    )
  )

  it.effect(
    "keeps a ping that overtakes the acknowledgement, if it is for the id that comes (K10)",
    using(
      Effect.fnUntraced(function* (inbox) {
        yield* inbox.expect({ token: notificationToken("token-a"), deliveryMode: "ping", until: expiry })
        yield* inbox.expect({ token: notificationToken("token-b"), deliveryMode: "ping", until: expiry })
        expect(yield* inbox.deliver(notificationToken("token-a"), notification("a"))).toBe("Accepted")
        expect(yield* inbox.deliver(notificationToken("token-a"), notification("a"))).toBe("Duplicate")
        expect(yield* inbox.deliver(notificationToken("token-b"), notification("a"))).toBe("Accepted")
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
    "holds a push until its acknowledgement has come, and refuses one that waits in vain (K10, L2)",
    using(
      Effect.fnUntraced(function* (inbox) {
        const [a, b] = [pending("a", { deliveryMode: "push" }), notificationToken("token-b")]
        yield* inbox.expect({ token: notificationToken("token-a"), deliveryMode: "push", until: expiry })
        yield* inbox.expect({ token: b, deliveryMode: "push", until: expiry })
        const first = yield* Effect.forkChild(inbox.deliver(notificationToken("token-a"), notification("a")))
        const second = yield* Effect.forkChild(inbox.deliver(b, notification("b")))
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
    "forgets a bearer when its request has expired, or has failed (K18)",
    using(
      Effect.fnUntraced(function* (inbox) {
        yield* inbox.acknowledge(pending("a"))
        yield* inbox.expect({ token: notificationToken("token-b"), deliveryMode: "ping", until: expiry })
        yield* inbox.unregister(notificationToken("token-b"))
        expect(yield* inbox.isExpected(notificationToken("token-b"))).toBe(false)
        yield* TestClock.adjust("119 seconds")
        expect(yield* inbox.isExpected(notificationToken("token-a"))).toBe(true)
        yield* TestClock.adjust("1 second")
        expect(yield* inbox.isExpected(notificationToken("token-a"))).toBe(false)
        expect(yield* inbox.deliver(notificationToken("token-a"), notification("a"))).toBe("Refused")
      })
    )
  )

  it.effect("expects the calls for all that the store keeps, and knows which have come (K9, L1, T-17)", () => {
    const received = { body: Redacted.make({}, { label: "token response" }), at: DateTime.makeUnsafe(0) }
    const kept = [pending("a"), pending("b", { deliveryMode: "push" }), pending("c", { received })]
    const store = Layer.effect(
      PendingStore.PendingStore,
      Effect.tap(
        PendingStore.PendingStore,
        Effect.fnUntraced(function* (store) {
          yield* Effect.forEach(kept, store.put)
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
          expect(yield* inbox.deliver(notificationToken(`token-${name}`), notification(name))).toBe(delivery)
        }
        expect(Redacted.value((yield* inbox.await(pending("a"))).authReqId)).toBe("request-a")
      }),
      store
    )()
  })

  it.effect("does without a store that fails at its beginning", () =>
    using(
      Effect.fnUntraced(function* (inbox) {
        yield* inbox.acknowledge(pending("a"))
        expect(yield* inbox.deliver(notificationToken("token-a"), notification("a"))).toBe("Accepted")
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
    "has a push in the store before it is acknowledged; who waits has it also where it cannot be kept (L9, T-17)",
    () =>
      Effect.gen(function* () {
        let broken = true
        const kept: Array<unknown> = []
        const store = PendingStore.PendingStore.of({
          put: (pending) =>
            broken
              ? Effect.fail(new PendingStore.PendingStoreError({ operation: "put", problem: "the disk is full" }))
              : Effect.sync(() => void kept.push(pending.received && Redacted.value(pending.received.body))),
          get: () => Effect.succeedNone,
          remove: () => Effect.void,
          all: Effect.succeed([])
        })
        yield* Effect.gen(function* () {
          const inbox = yield* NotificationInbox.NotificationInbox
          const a = pending("a", { deliveryMode: "push" })
          yield* inbox.acknowledge(a)
          const wait = yield* Effect.forkChild(inbox.await(a))
          const deliver = inbox.deliver(notificationToken("token-a"), notification("a", { access_token: "at" }))
          expect((yield* Effect.flip(deliver)).message).toContain("the disk is full")
          broken = false
          expect(yield* deliver).toBe("Accepted")
          expect(yield* deliver).toBe("Duplicate")
          expect(kept).toEqual([{ auth_req_id: "request-a", access_token: "at" }])
          expect(Redacted.value((yield* Fiber.join(wait)).body)).toEqual(kept[0])
        }).pipe(Effect.provide(Layer.provide(inbox, Layer.succeed(PendingStore.PendingStore, store))))
      })
  )
})
