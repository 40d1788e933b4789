import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { PendingAuthentication, PendingStore, Sealing } from "@effect-ciba/core"
import { Cause, DateTime, Deferred, Duration, Effect, Exit, Fiber, Layer, Logger, Option, Redacted } from "effect"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { pending } from "../support/PendingAuthentications.ts"

const key = (keyId: string) => Sealing.fromBytes(keyId, Redacted.make("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI"))

const overKeyValue = Layer.unwrap(Effect.map(key("k"), (k) => PendingStore.layerKeyValueStore({ keys: [k] }))).pipe(
  Layer.provideMerge(KeyValueStore.layerMemory)
)

const ids = (store: PendingStore.Service) => Effect.map(store.all, (all) => all.map(({ id }) => id).sort())

const using = <A, E, R>(use: (store: PendingStore.Service) => Effect.Effect<A, E, R>) =>
  PendingStore.PendingStore.use(use)

/** The progress of a wait that has been slowed down twice. */
const wait = {
  version: 1,
  kind: "ciba",
  interval: Duration.seconds(15),
  polls: 2,
  faults: 0,
  ping: "none",
  phase: { _tag: "Sleeping", wakeAt: DateTime.makeUnsafe(7000), floor: DateTime.makeUnsafe(7000) }
} as const

for (const [name, layer] of [
  ["in memory", PendingStore.layerMemory],
  ["over a KeyValueStore", overKeyValue]
] as const) {
  describe(`PendingStore ${name}`, () => {
    it.effect(`a store ${name} returns what was put last, complete, until it is removed (F8, F9, T-36)`, () =>
      using(
        Effect.fnUntraced(function* (store) {
          const later = PendingAuthentication.update(pending("a"), {
            wait,
            received: {
              body: Redacted.make({ access_token: "at" }, { label: "token response" }),
              at: DateTime.makeUnsafe(6000)
            }
          })
          yield* store.put(pending("a"))
          yield* store.put(pending("b"))
          yield* store.put(later)
          const a = Option.getOrUndefined(yield* store.get("a"))
          expect((yield* store.all).find(({ id }) => id === "a")).toEqual(a)
          expect(yield* store.get("absent")).toEqual(Option.none())
          expect(a && { ...a, authReqId: Redacted.value(a.authReqId) }).toMatchObject({
            authReqId: "request-a",
            wait
          })
          expect(a?.received && Redacted.value(a.received.body)).toEqual({ access_token: "at" })
          expect(a?.clientNotificationToken && Redacted.value(a.clientNotificationToken)).toBe("token-a")
          yield* store.remove(later)
          expect(yield* ids(store)).toEqual(["b"])
          expect(yield* store.get("a")).toEqual(Option.none())
        })
      ).pipe(Effect.provide(layer))
    )
  })
}

describe("PendingStore.orNone and PendingStore.bestEffort", () => {
  const crash = (): never => {
    throw new Error("marker-secret")
  }
  const dead = Effect.die(new Error("marker-secret"))
  const stores: ReadonlyArray<readonly [what: string, store: PendingStore.Service]> = [
    [
      "throws",
      {
        put: crash,
        get: crash,
        remove: crash,
        get all() {
          return crash()
        }
      }
    ],
    ["dies", { put: () => dead, get: () => dead, remove: () => dead, all: dead }]
  ]

  for (const [what, broken] of stores) {
    it.effect(`an operation of a store that ${what} fails with a PendingStoreError, which quotes nothing (T-36)`, () =>
      Effect.gen(function* () {
        const store = yield* PendingStore.orNone
        const errors = [
          yield* Effect.flip(store.put(pending("a"))),
          yield* Effect.flip(store.get("a")),
          yield* Effect.flip(store.remove(pending("a"))),
          yield* Effect.flip(store.all)
        ]
        expect(errors.map(({ _tag, operation }) => [_tag, operation])).toEqual(
          ["put", "get", "remove", "all"].map((operation) => ["PendingStoreError", operation])
        )
        expect(inspect(errors, { depth: 9 })).not.toContain("marker-secret")
      }).pipe(Effect.provideService(PendingStore.PendingStore, broken))
    )

    it.effect(`a store that ${what} is logged and costs nothing else when storage is best effort (T-36)`, () =>
      Effect.gen(function* () {
        const logged: Array<unknown> = []
        const logger = Logger.make(({ message }) => void logged.push(message))
        yield* Effect.gen(function* () {
          const store = yield* PendingStore.bestEffort
          yield* store.put(pending("a"))
          expect(yield* store.get("a")).toEqual(Option.none())
          yield* store.remove(pending("a"))
        }).pipe(Effect.provideService(PendingStore.PendingStore, broken), Effect.provide(Logger.layer([logger])))
        expect(logged).toHaveLength(3)
        expect(inspect(logged, { depth: 9 })).not.toContain("marker-secret")
      })
    )
  }

  it.effect("an operation of a store that takes longer than ten seconds fails (T-36)", () =>
    Effect.gen(function* () {
      const store = yield* PendingStore.orNone
      const call = yield* Effect.forkChild(Effect.flip(store.get("a")))
      yield* TestClock.adjust("9999 millis")
      expect(call.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(call)).toMatchObject({ operation: "get", problem: "it took longer than 10 seconds" })
    }).pipe(
      Effect.provideService(PendingStore.PendingStore, {
        put: () => Effect.never,
        get: () => Effect.never,
        remove: () => Effect.never,
        all: Effect.never
      })
    )
  )

  it.effect("storage is present where there is a store", () =>
    Effect.gen(function* () {
      expect((yield* PendingStore.bestEffort).isPresent).toBe(false)
      expect((yield* Effect.provide(PendingStore.bestEffort, PendingStore.layerMemory)).isPresent).toBe(true)
    })
  )

  it.effect("an interruption of a store's operation stays an interruption", () =>
    Effect.gen(function* () {
      const store = yield* PendingStore.bestEffort
      const exit = yield* Effect.exit(store.put(pending("a")))
      expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
    }).pipe(
      Effect.provideService(PendingStore.PendingStore, {
        put: () => Effect.interrupt,
        get: () => Effect.succeedNone,
        remove: () => Effect.void,
        all: Effect.succeed([])
      })
    )
  )
})

describe("PendingStore.layerKeyValueStore", () => {
  it.effect("stores one entry for each authentication, with nothing readable in its key or value", () =>
    Effect.gen(function* () {
      const kv = yield* KeyValueStore.KeyValueStore
      yield* using((store) => Effect.replicateEffect(store.put(pending("a")), 5, { discard: true }))
      const names = yield* kv.keys
      expect(names).toHaveLength(1)
      for (const name of names) {
        expect(`${name}${yield* kv.get(name)}`).not.toMatch(/request-a|token-a|provider\.test/)
      }
    }).pipe(Effect.provide(overKeyValue))
  )

  it.effect("returns the previous entry if the latest one is truncated, and overwrites the truncated one", () =>
    Effect.gen(function* () {
      const kv = yield* KeyValueStore.KeyValueStore
      yield* using((store) => store.put(pending("a")))
      const [name = ""] = yield* kv.keys
      const whole = (yield* kv.get(name)) ?? ""
      yield* kv.set("ciba/a.2", whole.slice(0, 100))
      const [reopened] = [yield* PendingStore.make({ keys: [yield* key("k")] })]
      expect(yield* ids(reopened)).toEqual(["a"])
      yield* reopened.put(PendingAuthentication.update(pending("a"), { bindingMessage: "W4SCT" }))
      expect((yield* reopened.all).map(({ bindingMessage }) => bindingMessage)).toEqual(["W4SCT"])
      expect(yield* kv.keys).toEqual(["ciba/a.2"])
      yield* kv.set("ciba/a.3", "")
      yield* reopened.remove(pending("a"))
      expect(yield* kv.keys).toEqual([])
    }).pipe(Effect.provide(overKeyValue))
  )

  it.effect("removes the previous entry if the write of the latest one was interrupted before it did", () =>
    Effect.gen(function* () {
      const kv = yield* KeyValueStore.KeyValueStore
      const keys = [yield* key("k")] as const
      yield* kv.set("ciba/a.1", yield* PendingAuthentication.seal(pending("a"), keys, ["ciba/", "a.1"]))
      yield* kv.set(
        "ciba/a.2",
        yield* PendingAuthentication.seal(pending("a", { bindingMessage: "W4SCT" }), keys, ["ciba/", "a.2"])
      )
      const store = yield* PendingStore.make({ keys })
      expect((yield* store.all).map(({ bindingMessage }) => bindingMessage)).toEqual(["W4SCT"])
      yield* store.put(pending("a"))
      yield* store.remove(pending("a"))
      expect(yield* kv.keys).toEqual([])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("replaces the entry of an earlier process, even if it has not read that", () =>
    Effect.gen(function* () {
      const open = Effect.flatMap(key("k"), (one) => PendingStore.make({ keys: [one] }))
      const first = yield* open
      for (let times = 0; times < 3; times += 1) yield* first.put(pending("a"))
      const second = yield* open
      yield* second.put(pending("a", { bindingMessage: "W4SCT", wait }))
      expect((yield* (yield* open).all).map(({ bindingMessage }) => bindingMessage)).toEqual(["W4SCT"])
      const third = yield* open
      const received = {
        body: Redacted.make({ access_token: "at" }, { label: "token response" }),
        at: DateTime.makeUnsafe(6000)
      }
      yield* third.put(pending("a", { bindingMessage: "pushed", received }))
      expect((yield* (yield* open).all).map(({ bindingMessage }) => bindingMessage)).toEqual(["pushed"])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("ignores an entry under the name of another authentication, or with a revision that is too large", () =>
    Effect.gen(function* () {
      const kv = yield* KeyValueStore.KeyValueStore
      const store = yield* PendingStore.make({ keys: [yield* key("k")] })
      yield* store.put(pending("victim"))
      const sealed = (yield* kv.get("ciba/victim.1")) ?? ""
      for (const name of ["mallory.1", "victim.1.1", "victim.100000000000000000000"])
        yield* kv.set(`ciba/${name}`, sealed)
      expect(yield* store.get("mallory")).toEqual(Option.none())
      expect(yield* ids(store)).toEqual(["victim"])
      yield* store.put(pending("victim", { bindingMessage: "W4SCT" }))
      expect((yield* store.all).map(({ bindingMessage }) => bindingMessage)).toEqual(["W4SCT"])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("ignores an earlier entry under the name of a later one, and an entry of another store (T-39)", () =>
    Effect.gen(function* () {
      const kv = yield* KeyValueStore.KeyValueStore
      const keys = [yield* key("k")] as const
      const store = yield* PendingStore.make({ keys })
      yield* store.put(pending("a"))
      const earlier = (yield* kv.get("ciba/a.1")) ?? ""
      yield* store.put(pending("a", { bindingMessage: "W4SCT" }))
      yield* kv.set("ciba/a.3", earlier)
      yield* kv.set("other/a.1", earlier)
      expect((yield* (yield* PendingStore.make({ keys })).all).map(({ bindingMessage }) => bindingMessage)).toEqual([
        "W4SCT"
      ])
      expect(yield* ids(yield* PendingStore.make({ keys, prefix: "other/" }))).toEqual([])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("opens entries of an older key, seals with the first key, and skips what no key opens", () =>
    Effect.gen(function* () {
      const kv = yield* KeyValueStore.KeyValueStore
      const [old, current, stranger] = yield* Effect.all(["old", "current", "stranger"].map(Sealing.generate))
      if (old === undefined || current === undefined || stranger === undefined) return
      const first = yield* PendingStore.make({ keys: [old] })
      yield* first.put(pending("a"))
      yield* kv.set("ciba/b.1", yield* PendingAuthentication.seal(pending("b"), [stranger], ["ciba/", "b.1"]))
      const second = yield* PendingStore.make({ keys: [current, old] })
      expect(yield* ids(second)).toEqual(["a"])
      yield* second.put(pending("a"))
      const third = yield* PendingStore.make({ keys: [current] })
      expect(yield* ids(third)).toEqual(["a"])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("a slow read does not make later writes go back to an older revision", () =>
    Effect.gen(function* () {
      const kv = yield* KeyValueStore.KeyValueStore
      const reading = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const slow = {
        ...kv,
        get: (name: string) =>
          Effect.tap(kv.get(name), (found) =>
            found === undefined ? Effect.void : Effect.andThen(Deferred.succeed(reading, undefined), Deferred.await(go))
          )
      }
      const withMessage = (bindingMessage: string) => PendingAuthentication.update(pending("a"), { bindingMessage })
      const store = yield* Effect.provideService(
        PendingStore.make({ keys: [yield* key("k")] }),
        KeyValueStore.KeyValueStore,
        slow
      )
      yield* store.put(withMessage("1"))
      const slowRead = yield* Effect.forkChild(store.get("a"))
      yield* Deferred.await(reading)
      yield* store.put(withMessage("2"))
      yield* store.put(withMessage("3"))
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(slowRead)
      yield* store.put(withMessage("4"))
      expect((yield* store.all).map(({ bindingMessage }) => bindingMessage)).toEqual(["4"])
      yield* store.remove(withMessage("4"))
      expect(yield* kv.keys).toEqual([])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("stores with different prefixes share a storage and do not see each other's entries", () =>
    Effect.gen(function* () {
      const kv = yield* KeyValueStore.KeyValueStore
      yield* kv.set("settings", "dark")
      const keys = [yield* key("k")] as const
      const [one, other] = yield* Effect.all([
        PendingStore.make({ keys, prefix: "one/" }),
        PendingStore.make({ keys, prefix: "other/" })
      ])
      yield* one.put(pending("a"))
      expect([yield* ids(one), yield* ids(other)]).toEqual([["a"], []])
      expect([...(yield* kv.keys)].sort()).toEqual(["one/a.1", "settings"])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  const full = new KeyValueStore.KeyValueStoreError({ method: "set", message: "the disk is full" })
  for (const operation of ["put", "get", "remove", "all"] as const) {
    it.effect(`a failure of ${operation} names the operation and the problem, and no key`, () =>
      Effect.gen(function* () {
        const failing = KeyValueStore.makeStringOnly({
          get: () => Effect.fail(full),
          set: () => Effect.fail(full),
          remove: () => Effect.fail(full),
          clear: Effect.void,
          clearPrefix: () => Effect.void,
          keys: Effect.fail(full),
          size: Effect.succeed(0)
        })
        const store = yield* Effect.provideService(
          PendingStore.make({ keys: [yield* key("k")] }),
          KeyValueStore.KeyValueStore,
          KeyValueStore.make(failing)
        )
        const calls = {
          put: store.put(pending("a")),
          get: store.get("a"),
          remove: store.remove(pending("a")),
          all: store.all
        }
        const error = yield* Effect.flip(Effect.asVoid(calls[operation]))
        expect(error.message).toBe(
          `the store of pending authentications failed (operation "${operation}"): the disk is full`
        )
      })
    )
  }
})
