// Bundles programs as an application would, over the package as it is published.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { type InputOptions, type OutputChunk, rolldown } from "rolldown"
import * as Modules from "./Modules.ts"

const root = resolve(import.meta.dirname, "..")

const imports = (names: string): string => `import { ${names} } from "@effect-ciba/core"
import { Effect, Layer, Redacted } from "effect"
import { FetchHttpClient } from "effect/http"`

const base = `issuer: "https://op.example.com", clientId: "shop",
  authentication: ClientAuthentication.clientSecretBasic(Redacted.make("a secret"))`

/** A program that polls with a client secret, and does nothing else. */
export const polls = `${imports("Ciba, ClientAuthentication, UserHint")}
const live = Ciba.layer({ ${base} }).pipe(Layer.provide(FetchHttpClient.layer))
const identity = Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo") })
Effect.runPromise(Effect.provide(identity, live))`

/** A program of Effect that sends a request and decodes its response: what one that polls adds to is this. */
export const onlyEffect = `import { Effect, Layer, Redacted, Schema } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
const Body = Schema.fromJsonString(Schema.Struct({ error: Schema.optionalKey(Schema.String) }))
const program = HttpClient.HttpClient.use((client) =>
  Effect.flatMap(client.execute(HttpClientRequest.post("https://op.example.com")), (response) =>
    Effect.flatMap(response.text, Schema.decodeUnknownEffect(Body))
  )
)
console.log(Redacted, Layer)
Effect.runPromise(Effect.provide(program, FetchHttpClient.layer))`

/** A program that authenticates with a key, and whose tokens are bound by DPoP. */
export const signs = `${imports("Ciba, ClientAuthentication, Dpop, SigningKey, UserHint")}
const key = SigningKey.generate("ES256")
const live = Ciba.layer({ ${base}, authentication: ClientAuthentication.privateKeyJwt(key) }).pipe(
  Layer.provide(Dpop.layer({ key })), Layer.provide(FetchHttpClient.layer))
console.log(Redacted)
Effect.runPromise(Effect.provide(Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo") }), live))`

/** A program that is pinged. */
export const isPinged = `${imports("Ciba, ClientAuthentication, NotificationInbox, NotificationReceiver, UserHint")}
const live = Ciba.layer({ ${base}, deliveryMode: "ping" }).pipe(
  Layer.provideMerge(NotificationInbox.layer), Layer.provide(FetchHttpClient.layer))
const identity = Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo") })
Effect.runPromise(Effect.provide(Effect.all([NotificationReceiver.toWebHandler(), identity]), live))`

/** A program with DPoP, mutual TLS, encryption, ping, push, storage and profiles. */
export const hasAll = `${imports(
  "Ciba, ClientAuthentication, Dpop, IdTokenDecryption, MutualTls, NotificationInbox, NotificationReceiver, PendingStore, SecurityProfile, SigningKey, UserHint"
)}
const live = Ciba.layer({ ${base}, mutualTls: MutualTls.make(), profile: SecurityProfile.fapi2Ciba }).pipe(
  Layer.provideMerge(NotificationInbox.layer),
  Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") })),
  Layer.provide(IdTokenDecryption.layer({ keys: [Redacted.make({})], keyAlgorithm: "RSA-OAEP" })),
  Layer.provide(FetchHttpClient.layer)
)
const push = Ciba.layer({ ${base}, deliveryMode: "push" })
console.log(ClientAuthentication.tlsClientAuth, push, NotificationReceiver.toWebHandler, PendingStore.layerKeyValueStore)
Effect.runPromise(Effect.provide(Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo") }), live))`

/** A program that makes its client, and ends. */
export const begins = `${imports("Ciba, ClientAuthentication")}
const live = Ciba.layer({ ${base} }).pipe(Layer.provide(FetchHttpClient.layer))
await Effect.runPromise(Effect.scoped(Layer.build(live)))`

/** A program and all that it imports, as one file. */
export const generate = async (
  name: string,
  code: string,
  minify: true | "dce-only",
  options: InputOptions
): Promise<OutputChunk> => {
  const folder = mkdtempSync(join(root, "e2e", ".bundle-"))
  try {
    const input = join(folder, `${name}.ts`)
    writeFileSync(input, code)
    const built = await rolldown({ input, platform: "neutral", logLevel: "silent", ...options })
    const { output } = await built.generate({ format: "esm", minify })
    return output[0]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The code of a program over the package as it is published. */
export const bundle = async (name: string, code: string, minify: true | "dce-only"): Promise<string> => {
  await Modules.write()
  const alias = { "@effect-ciba/core": join(root, "packages/core/dist/index.js") }
  const { code: bundled } = await generate(name, code, minify, { resolve: { alias } })
  return bundled
}
