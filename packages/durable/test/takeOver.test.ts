// What core's own store had written goes on in the database, with a kill between any two steps of the move.
import { NotificationInbox, PendingStore, Sealing, TokenResponse } from "@effect-ciba/core"
import { DurableStorage, WaitStore } from "@effect-ciba/durable"
import { DateTime, Duration, Effect, Exit, Layer, Option, Redacted } from "effect"
import { KeyValueStore } from "effect/persistence"
import { Statement } from "effect/sql"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { onEach } from "./support/Databases.ts"
import { makePending, makePrefix } from "./support/TestApproval.ts"

const token = Redacted.make("notification-token", { label: "client_notification_token" })

/** Waits in each state that core stores: before a poll, between two, while one is in flight, and with tokens. */
const makeWaits = Effect.gen(function* () {
  const now = yield* DateTime.now
  const waited = {
    version: 1,
    kind: "ciba",
    interval: Duration.seconds(20),
    polls: 4,
    faults: 2,
    ping: "none"
  } as const
  const wakeAt = DateTime.addDuration(now, "40 seconds")
  const floor = DateTime.addDuration(now, "30 seconds")
  const received = yield* TokenResponse.receive({ access_token: "t", token_type: "Bearer", id_token: "a.b.c" })
  return [
    yield* makePending("new"),
    yield* makePending("slow", { wait: { ...waited, phase: { _tag: "Sleeping", wakeAt, floor } } }),
    yield* makePending("polling", { wait: { ...waited, phase: { _tag: "Polling" } } }),
    yield* makePending("done", { wait: { ...waited, phase: { _tag: "Verifying" } }, received }),
    yield* makePending("pinged", { deliveryMode: "ping", clientNotificationToken: token })
  ]
})

/** What a worker finds of each wait a minute later. */
const expected = {
  new: { interval: 5000, polls: 0, faults: 0, phase: { _tag: "Sleeping", wakeAt: 5000, floor: 0 } },
  slow: { interval: 20_000, polls: 4, faults: 2, phase: { _tag: "Sleeping", wakeAt: 40_000, floor: 30_000 } },
  polling: { interval: 20_000, polls: 4, faults: 2, phase: { _tag: "Polling" } },
  done: { interval: 20_000, polls: 4, faults: 2, phase: { _tag: "Verifying" } },
  pinged: { interval: 5000, polls: 0, ping: "awaited", phase: { _tag: "Sleeping", wakeAt: 30_000, floor: 0 } }
}

const makeSetting = Effect.gen(function* () {
  const [key, lost] = [yield* Sealing.generate("k"), yield* Sealing.generate("lost")] as const
  const old = { keys: [key], prefix: "old/" } as const
  const entries = yield* KeyValueStore.KeyValueStore.pipe(Effect.provide(Layer.fresh(KeyValueStore.layerMemory)))
  const makeOld = (options: PendingStore.Options) =>
    Effect.provideService(PendingStore.make(options), KeyValueStore.KeyValueStore, entries)
  const store = yield* makeOld(old)
  const start = yield* DateTime.now
  yield* Effect.forEach(yield* makeWaits, store.put)
  const storage = yield* Layer.build(DurableStorage.layer({ keys: [key], prefix: yield* makePrefix }))
  const takeOver = (from: KeyValueStore.KeyValueStore = entries) =>
    DurableStorage.takeOver(old).pipe(
      Effect.provideService(KeyValueStore.KeyValueStore, from),
      Effect.provideContext(storage)
    )
  /** An entry that was sealed by a key which is lost, and one that has an error response. */
  const putUnreadable = Effect.gen(function* () {
    const others = yield* makeOld({ keys: [lost], prefix: "old/" })
    yield* others.put(yield* makePending("sealed"))
    const received = yield* TokenResponse.receive({ error: "access_denied" })
    yield* store.put(yield* makePending("refused", { received }))
  })
  const claims = Effect.gen(function* () {
    yield* TestClock.adjust("1 minute")
    const found = yield* WaitStore.WaitStore.use((waits) => waits.claim({ limit: 100, timeout: 1000, takesOver: true }))
    const shift = DateTime.toEpochMillis(start)
    return Object.fromEntries(
      found.map(({ id, saved: { phase, ...saved } }) => {
        const isSleeping = phase._tag === "Sleeping"
        const moved = isSleeping ? { ...phase, wakeAt: phase.wakeAt - shift, floor: phase.floor - shift } : phase
        return [id, { ...saved, phase: moved }]
      })
    )
  }).pipe(Effect.provideContext(storage))
  const isExpected = Effect.map(
    NotificationInbox.NotificationInbox.use((inbox) => inbox.find(token)),
    Option.isSome
  )
  return { entries, takeOver, putUnreadable, claims, isExpected: Effect.provideContext(isExpected, storage) }
})

/** Dies at the given step: before an operation of the old store, or before a statement. */
const makeKill = (nth: number, entries: KeyValueStore.KeyValueStore) => {
  let steps = 0
  const reach = Effect.suspend(() => (steps++ === nth ? Effect.die("killed") : Effect.void))
  const dying: KeyValueStore.KeyValueStore = {
    ...entries,
    keys: Effect.andThen(reach, entries.keys),
    get: (name) => Effect.andThen(reach, entries.get(name)),
    remove: (name) => Effect.andThen(reach, entries.remove(name))
  }
  const onStatements = Effect.provideService(Statement.CurrentTransformer, (statement) => Effect.as(reach, statement))
  return { dying, onStatements }
}

const ids = ["done", "new", "pinged", "polling", "slow"]

onEach((it) => {
  it.effect("moves every wait as it is, and leaves and names what cannot be read", () =>
    Effect.gen(function* () {
      const { claims, entries, isExpected, putUnreadable, takeOver } = yield* makeSetting
      yield* putUnreadable
      const { left, moved } = yield* takeOver()
      expect([...moved].sort()).toEqual(ids)
      expect([...left].sort()).toEqual(["refused.1", "sealed.1"])
      expect([...(yield* entries.keys)].sort()).toEqual(["old/refused.1", "old/sealed.1"])
      expect(yield* takeOver()).toEqual({ moved: [], left })
      expect(yield* isExpected).toBe(true)
      expect(yield* claims).toMatchObject(expected)
    })
  )

  it.effect("loses no wait and moves none twice, with a kill between any two steps", () =>
    Effect.gen(function* () {
      let kills = 0
      for (; ; kills += 1) {
        const { claims, entries, isExpected, takeOver } = yield* makeSetting
        const { dying, onStatements } = makeKill(kills, entries)
        const exit = yield* Effect.exit(onStatements(takeOver(dying)))
        if (Exit.isSuccess(exit)) break
        const { left } = yield* takeOver()
        expect({ left, keys: yield* entries.keys }).toEqual({ left: [], keys: [] })
        expect(yield* isExpected).toBe(true)
        const found = yield* claims
        expect(Object.keys(found).sort()).toEqual(ids)
        expect(found).toMatchObject(expected)
      }
      expect(kills).toBeGreaterThan(40)
    })
  )
})
