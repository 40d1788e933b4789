import { Ciba, ClientAuthentication, NotificationReceiver, Sealing, UserHint } from "@effect-ciba/core"
import { DurableStorage, WaitStore, WaitWorker } from "@effect-ciba/durable"
import { TestClient, TestProvider } from "@effect-ciba/testing"
import { Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { onEach } from "./support/Databases.ts"
import { makePrefix } from "./support/TestApproval.ts"

const modes = ["poll", "ping", "push"] as const

type Mode = (typeof modes)[number]

const layerCiba = (mode: Mode) => {
  const options = {
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
  }
  const ciba =
    mode === "push"
      ? Ciba.layer({ ...options, deliveryMode: "push" })
      : mode === "ping"
        ? Ciba.layer({ ...options, deliveryMode: "ping" })
        : Ciba.layer(options)
  const url = "https://client.test/ciba"
  const client = TestClient.clientSecretBasic(mode === "poll" ? {} : { notification: { deliveryMode: mode, url } })
  return Layer.provideMerge(ciba, TestProvider.layer({ client, interval: "5 seconds" }))
}

/** What the database of the context keeps. */
const StorageTest = Layer.unwrap(
  Effect.gen(function* () {
    return DurableStorage.layer({ keys: [yield* Sealing.generate("k")], prefix: yield* makePrefix })
  })
)

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

onEach((it) => {
  it.effect.each(modes)("the same program ends with a verified approval, in %s mode", (mode) =>
    Effect.gen(function* () {
      const store = yield* WaitStore.WaitStore
      const provider = yield* TestProvider.TestProvider
      const pending = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
      yield* store.insert(pending)
      yield* provider.approve()
      if (mode !== "poll") expect(yield* notify).toBe(204)
      expect(yield* decide(pending.id)).toBe("Verified")
      expect(yield* provider.polls).toHaveLength(mode === "push" ? 0 : 1)
    }).pipe(Effect.provide(Layer.provideMerge(layerCiba(mode), StorageTest)))
  )
})
