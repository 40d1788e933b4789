/**
 * A client in push mode: the provider sends the token response to its notification endpoint, once. A `PendingStore`
 * persists it, sealed, before it is acknowledged. Here the first process ends right after that, and the second one resumes
 * from the store, without a token request.
 *
 * Both processes listen on http at a port of their own, in place of the registered URL; see `ping.ts`.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Ciba, ClientAuthentication, NotificationInbox, PendingStore, Sealing, UserHint } from "@effect-ciba/core"
import { NodeNotificationServer } from "@effect-ciba/platform-node"
import { TestClient, TestProvider } from "@effect-ciba/testing"
import { Console, Effect, FileSystem, Layer, Result } from "effect"
import { HttpServer } from "effect/http"
import { KeyValueStore } from "effect/persistence"

const Provider = TestProvider.layer({
  client: TestClient.clientSecretBasic({
    notification: { deliveryMode: "push", url: "https://client.example.com/ciba" }
  })
})

const clientProcess = (directory: string, key: Sealing.SealingKey) =>
  Ciba.layer({
    deliveryMode: "push",
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
  }).pipe(
    Layer.merge(NodeNotificationServer.layer({ path: "/ciba", port: 0, host: "127.0.0.1" })),
    Layer.provide(NotificationInbox.layer),
    Layer.provideMerge(PendingStore.layerKeyValueStore({ keys: [key] })),
    Layer.provide(KeyValueStore.layerFileSystem(directory)),
    Layer.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer))
  )

const receivePush = Effect.gen(function* () {
  const provider = yield* TestProvider.TestProvider
  const pending = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
  yield* provider.approve(pending.authReqId)

  const url = yield* HttpServer.addressFormattedWith((address) => Effect.succeed(`${address}/ciba`))
  const push = yield* provider.notification({ forge: (notification) => ({ ...notification, url }) })
  const { status } = yield* Effect.promise(() => fetch(push))
  yield* Console.log(`1  The token response is pushed, persisted, and acknowledged with ${status}. This process ends.`)
})

const resume = Ciba.resumeAll((decision) =>
  Console.log(
    Result.match(decision, {
      onSuccess: ({ subject }) => `2  The next process resumes: ${subject} approved.`,
      onFailure: ({ message }) => `2  The next process resumes: ${message}`
    })
  )
)

const program = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const directory = yield* files.makeTempDirectoryScoped()
  const key = yield* Sealing.generate("2026-11")
  yield* Effect.provide(receivePush, clientProcess(directory, key))
  yield* Effect.provide(resume, clientProcess(directory, key))

  const provider = yield* TestProvider.TestProvider
  yield* Console.log(`3  token requests: ${(yield* provider.polls).length}`)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Layer.merge(Provider, NodeFileSystem.layer))))
