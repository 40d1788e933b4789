/**
 * A process that waits for decisions and can be killed at any time, with its pending authentications in a store.
 *
 * Environment: `ISSUER`, `STORE` (a directory), `HANDLED` (a file, one line for each decision), `SEALING_KEY`, and `ASK`:
 * the login hints of new requests, separated by commas; if empty, the process resumes what is in the store.
 */

import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Ciba, ClientAuthentication, PendingStore, Sealing, UserHint } from "@effect-ciba/core"
import { TestClient } from "@effect-ciba/testing"
import { Config, Console, Effect, FileSystem, Layer, Result } from "effect"
import { FetchHttpClient } from "effect/http"
import { KeyValueStore } from "effect/persistence"

const Live = Layer.unwrap(
  Effect.gen(function* () {
    const key = yield* Effect.flatMap(Config.Redacted("SEALING_KEY"), (bytes) => Sealing.fromBytes("restart", bytes))
    return Ciba.layer({
      issuer: yield* Config.String("ISSUER"),
      clientId: TestClient.clientId,
      authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
      allowInsecureRequests: "loopback"
    }).pipe(
      Layer.provide(FetchHttpClient.layer),
      Layer.provideMerge(PendingStore.layerKeyValueStore({ keys: [key] })),
      Layer.provide(KeyValueStore.layerFileSystem(yield* Config.String("STORE")))
    )
  })
).pipe(Layer.provideMerge(Layer.merge(NodeFileSystem.layer, NodePath.layer)))

const program = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const handled = yield* Config.String("HANDLED")
  const hints = (yield* Config.withDefault(Config.String("ASK"), "")).split(",").filter((hint) => hint !== "")
  yield* Effect.forEach(hints, (hint) =>
    Effect.flatMap(Ciba.initiate({ scope: ["openid"], hint: UserHint.login(hint) }), ({ id }) =>
      Console.log(`requested ${id} ${hint}`)
    )
  )
  yield* Console.log("waiting")
  yield* Ciba.resumeAll((decision, { id }) => {
    const outcome = Result.match(decision, {
      onFailure: ({ reason }) => reason._tag,
      onSuccess: ({ subject }) => subject
    })
    return files.writeFileString(handled, `${id} ${outcome}\n`, { flag: "a" })
  })
})

await Effect.runPromise(Effect.provide(program, Live))
