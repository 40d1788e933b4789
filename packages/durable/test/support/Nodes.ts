// Two processes at one database: one sends the requests, the other one is called by the provider.
import {
  Ciba,
  ClientAuthentication,
  NotificationInbox,
  NotificationReceiver,
  Sealing,
  UserHint
} from "@effect-ciba/core"
import { DurableInbox, WaitStore } from "@effect-ciba/durable"
import { type ProviderOptions, TestClient, TestProvider } from "@effect-ciba/testing"
import { Effect, Layer } from "effect"
import { makePrefix } from "./TestApproval.ts"

export type Mode = "ping" | "push"

const clientOf = (deliveryMode: Mode) =>
  TestClient.clientSecretBasic({ notification: { deliveryMode, url: "https://client.test/ciba" } })

const registration = {
  issuer: "https://provider.test",
  clientId: TestClient.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
  requestTimeout: "10 seconds"
} as const

/** A store, and the two processes. The flow is over the inbox of the first one. */
export const makeNodes = Effect.gen(function* () {
  const options = {
    keys: [yield* Sealing.generate("new"), yield* Sealing.generate("old")],
    prefix: yield* makePrefix
  } as const
  const store = yield* WaitStore.make(options)
  const makeInbox = Effect.provideService(DurableInbox.make(options), WaitStore.WaitStore, store)
  return { options, store, own: yield* makeInbox, other: yield* makeInbox }
})

export type Nodes = Effect.Success<typeof makeNodes>

export const provide = (nodes: Nodes, mode: Mode, provider: ProviderOptions.ProviderOptions = {}) => {
  const ciba =
    mode === "push"
      ? Ciba.layer({ ...registration, deliveryMode: "push" })
      : Ciba.layer({ ...registration, deliveryMode: "ping" })
  return Effect.provide(
    ciba.pipe(
      Layer.provideMerge(Layer.succeed(NotificationInbox.NotificationInbox, nodes.own)),
      Layer.provideMerge(Layer.succeed(WaitStore.WaitStore, nodes.store)),
      Layer.provideMerge(
        TestProvider.layer({ client: clientOf(mode), expiresIn: "2 minutes", interval: "5 seconds", ...provider })
      )
    )
  )
}

export const ask = Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })

export const askAndInsert = Effect.tap(ask, (pending) => WaitStore.WaitStore.use((store) => store.insert(pending)))

/** The provider calls the other process; what that answers. */
export const callOther = ({ other }: Nodes, forge?: (call: TestProvider.Notification) => TestProvider.Notification) =>
  Effect.gen(function* () {
    const provider = yield* TestProvider.TestProvider
    const handle = yield* NotificationReceiver.toWebHandler()
    const request = yield* provider.notification({ forge })
    return (yield* Effect.promise(() => handle(request))).status
  }).pipe(Effect.provideService(NotificationInbox.NotificationInbox, other))
