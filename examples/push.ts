/**
 * A client that is sent its tokens. A push comes once and cannot be fetched again: with a `PendingStore` it is on disk,
 * sealed, before it is acknowledged. Here the process that asked ends right after that, and the next one goes on with what
 * is kept. The provider is asked nothing more.
 *
 * Both processes listen on plain http at a port of their own, which takes the place of the registered URL; see `ping.ts`.
 */
import { NodeFileSystem, NodePath } from "@effect/platform-node"
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

const ask = Effect.gen(function* () {
  const provider = yield* TestProvider.TestProvider
  const pending = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
  yield* provider.approve(pending.authReqId)

  const url = yield* HttpServer.addressFormattedWith((address) => Effect.succeed(`${address}/ciba`))
  const push = yield* provider.notification({ forge: (call) => ({ ...call, url }) })
  const { status } = yield* Effect.promise(() => fetch(push))
  yield* Console.log(`1  The tokens are pushed, kept, and acknowledged with ${status}. This process ends.`)
})

const goOn = Ciba.resumeAll((decision) =>
  Console.log(
    Result.match(decision, {
      onSuccess: ({ subject }) => `2  The next process finds that ${subject} approved.`,
      onFailure: ({ message }) => `2  The next process finds: ${message}`
    })
  )
)

const program = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const directory = yield* files.makeTempDirectoryScoped()
  const key = yield* Sealing.generate("2026-11")
  yield* Effect.provide(ask, clientProcess(directory, key))
  yield* Effect.provide(goOn, clientProcess(directory, key))

  const provider = yield* TestProvider.TestProvider
  yield* Console.log(`3  token requests: ${(yield* provider.polls).length}`)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Layer.merge(Provider, NodeFileSystem.layer))))
