import {
  Ciba,
  ClientAuthentication,
  NotificationInbox,
  NotificationReceiver,
  PendingStore,
  Sealing,
  UserHint
} from "@effect-ciba/core"
import { DurableStorage, WaitStore, WaitWorker } from "@effect-ciba/durable"
import { TestClient, TestProvider } from "@effect-ciba/testing"
import { Effect, Layer, Option } from "effect"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { onEach } from "./support/Databases.ts"
import { makePrefix } from "./support/TestApproval.ts"
import { awaitRequests, realTime } from "./support/Time.ts"

const modes = ["poll", "ping", "push"] as const

type Mode = (typeof modes)[number]

const layerCiba = (mode: Mode) => {
  const options = {
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
  }
  if (mode === "push") return Ciba.layer({ ...options, deliveryMode: "push" })
  return mode === "ping" ? Ciba.layer({ ...options, deliveryMode: "ping" }) : Ciba.layer(options)
}

const layerProvider = (mode: Mode) => {
  const url = "https://client.test/ciba"
  const client = TestClient.clientSecretBasic(mode === "poll" ? {} : { notification: { deliveryMode: mode, url } })
  return TestProvider.layer({ client, interval: "5 seconds" })
}

const makeOptions = Effect.gen(function* () {
  return { keys: [yield* Sealing.generate("k")], prefix: yield* makePrefix } as const
})

/** What the database of the context keeps. */
const StorageTest = Layer.unwrap(Effect.map(makeOptions, DurableStorage.layer))

const initiate = Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })

/** The provider calls the notification endpoint, in ping and push mode. */
const notify = Effect.gen(function* () {
  const handle = yield* NotificationReceiver.toWebHandler()
  const request = yield* TestProvider.TestProvider.use((provider) => provider.notification())
  return (yield* Effect.promise(() => handle(request))).status
})

/** Passes until the wait is decided, for ten seconds at most: the interval is shorter, and what replaces a ping longer. */
const decide = Effect.fnUntraced(function* (id: string) {
  const store = yield* WaitStore.WaitStore
  const worker = yield* WaitWorker.make()
  const pass = Effect.andThen(Effect.andThen(TestClock.adjust("1 second"), worker.runDue), store.find(id))
  const found = yield* Effect.repeat(pass, { until: Option.isSome, times: 9 })
  return Option.getOrUndefined(found)?.outcome
})

/** A process that keeps its waits in core's own store, and dies after its first poll. */
const runOld = Effect.fnUntraced(function* (mode: Mode) {
  const pending = yield* initiate
  yield* Effect.forkScoped(Ciba.complete(pending), { startImmediately: true })
  yield* Effect.repeat(Effect.andThen(realTime, TestClock.adjust("1 second")), { times: 5 })
  if (mode === "poll") yield* awaitRequests("token", 1)
  return pending
}, Effect.scoped)

onEach((it) => {
  it.effect.each(modes)("the same program ends with a verified approval, in %s mode", (mode) =>
    Effect.gen(function* () {
      const store = yield* WaitStore.WaitStore
      const provider = yield* TestProvider.TestProvider
      const pending = yield* initiate
      yield* store.insert(pending)
      yield* provider.approve()
      if (mode !== "poll") expect(yield* notify).toBe(204)
      expect(yield* decide(pending.id)).toBe("Verified")
      expect(yield* provider.polls).toHaveLength(mode === "push" ? 0 : 1)
    }).pipe(Effect.provide(Layer.provideMerge(layerCiba(mode), Layer.merge(layerProvider(mode), StorageTest))))
  )

  it.effect.each(modes)("the same program goes on with what core's own store had written, in %s mode", (mode) =>
    Effect.gen(function* () {
      const provider = yield* TestProvider.TestProvider
      const options = yield* makeOptions
      const entries = yield* Layer.build(Layer.fresh(KeyValueStore.layerMemory))
      const OldTest = Layer.provideMerge(
        layerCiba(mode),
        Layer.merge(PendingStore.layerKeyValueStore(options), NotificationInbox.layer)
      )
      const { id } = yield* Effect.provideContext(Effect.provide(runOld(mode), Layer.fresh(OldTest)), entries)
      const polls = (yield* provider.polls).length
      expect(polls).toBe(mode === "poll" ? 1 : 0)
      yield* provider.approve()
      yield* Effect.gen(function* () {
        const moved = Effect.provideContext(DurableStorage.takeOver(options), entries)
        expect(yield* moved).toEqual({ moved: [id], left: [] })
        if (mode !== "poll") expect(yield* notify).toBe(204)
        expect(yield* decide(id)).toBe("Verified")
      }).pipe(Effect.provide(Layer.provideMerge(layerCiba(mode), DurableStorage.layer(options))))
      expect(yield* provider.polls).toHaveLength(polls + (mode === "push" ? 0 : 1))
      const requests = yield* provider.requests
      expect(requests.filter(({ endpoint }) => endpoint === "backchannel")).toHaveLength(1)
    }).pipe(Effect.provide(layerProvider(mode)))
  )
})
