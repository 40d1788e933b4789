// Checks that the bundle of a program that polls with a client secret has no code of DPoP, mutual TLS, encryption, ping or push.
import { gzipSync } from "node:zlib"
import { base, bundle, imports, polls } from "./Bundle.ts"

// A program with all of these, in which each of the strings must be found; otherwise a string would check nothing.
const hasAll = `${imports(
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

const strings: Readonly<Record<string, ReadonlyArray<string>>> = {
  DPoP: ["dpop+jwt", "htu:"],
  "mutual TLS": ["tls_client_auth", "mtls_endpoint_aliases"],
  encryption: ["its content is compressed", "Invalid Compact JWE"],
  ping: ['"www-authenticate": "Bearer"', '"Duplicate"'],
  storage: ["none of the keys has sealed it"],
  profiles: ["FAPI-CIBA draft 03 with"]
}

const [lean, full, minified] = await Promise.all([
  bundle("polls", polls, false),
  bundle("has-all", hasAll, false),
  bundle("polls", polls, true)
])
const problems = Object.entries(strings).flatMap(([what, texts]) =>
  texts.flatMap((text) => [
    ...(lean.includes(text) ? [`a program that only polls carries ${what}: ${text}`] : []),
    ...(full.includes(text) ? [] : [`${text} is nowhere to be found; the check for ${what} checks nothing`])
  ])
)
const kilobytes = (bytes: number): string => `${Math.round(bytes / 1024)} kB`
console.log(
  `polls alone, effect included: ${kilobytes(minified.length)} minified, ${kilobytes(gzipSync(minified).length)} compressed`
)
console.log([...problems, `bundle: ${problems.length} problems`].join("\n"))
process.exitCode = problems.length === 0 ? 0 : 1
