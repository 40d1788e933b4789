// A process of a client: with "ask" it asks so many people and ends; with "wait" it waits for whoever the store knows.
import { appendFileSync } from "node:fs"
import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { Ciba, ClientAuthentication, PendingStore, Sealing, UserHint } from "@effect-ciba/core"
import { NodeCiba } from "@effect-ciba/platform-node"
import { TestClient } from "@effect-ciba/testing"
import { Config, Effect, Layer, Result } from "effect"
import { KeyValueStore } from "effect/persistence"

const Live = Layer.unwrap(
  Effect.gen(function* () {
    const issuer = yield* Config.String("ISSUER")
    const directory = yield* Config.String("STORE")
    const key = yield* Sealing.key("k", yield* Config.Redacted("SEALING_KEY"))
    return NodeCiba.layer({
      issuer,
      clientId: TestClient.clientId,
      authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
      allowInsecureRequests: "loopback"
    }).pipe(
      Layer.provideMerge(PendingStore.layerKeyValueStore({ keys: [key] })),
      Layer.provide(KeyValueStore.layerFileSystem(directory)),
      Layer.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer))
    )
  })
)

const ask = (count: number) =>
  Effect.replicateEffect(Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") }), count, {
    discard: true
  })

const wait = Effect.gen(function* () {
  const results = yield* Config.String("RESULTS")
  yield* Ciba.resumeAll((decision, { id }) =>
    Effect.sync(() => {
      const outcome = Result.isSuccess(decision) ? decision.success.subject : decision.failure.reason._tag
      appendFileSync(results, `${id} ${outcome}\n`)
    })
  )
})

const [what, count] = process.argv.slice(2)

const program: Effect.Effect<void, unknown, Ciba.Ciba | PendingStore.PendingStore> =
  what === "ask" ? ask(Number(count)) : wait

await Effect.runPromise(Effect.provide(program, Live))
