/**
 * Where the provider's JWK Set outlives the process: for runtimes that keep nothing in memory between two calls.
 *
 * **When to use**
 *
 * For functions that start anew for each request (Workers, Lambda): without a store each start fetches the keys.
 *
 * **Details**
 *
 * - If there is a store in the context, `ProviderKeys` reads it before it fetches, and writes to it what it has fetched.
 * - A stored set expires like one in memory: its lifetime counts from the fetch.
 * - A failure of the store, and an entry that cannot be read, cost a fetch and nothing else.
 *
 * **Gotchas**
 *
 * - Without `keys` write access to the store is the power to sign the provider's tokens. Grant it to your program alone, or
 *   seal the entries: then write access can only put back an earlier one, which expires as it did.
 *
 * **Example** (Keys on disk)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, ProviderKeyStore } from "@effect-ciba/core"
 * import { Layer, Redacted } from "effect"
 * import { KeyValueStore } from "effect/persistence"
 *
 * const CibaLive = Ciba.layer({
 *   issuer: "https://op.example.com",
 *   clientId: "bank-app",
 *   authentication: ClientAuthentication.clientSecretBasic(Redacted.make("a secret"))
 * }).pipe(
 *   Layer.provide(ProviderKeyStore.layerKeyValueStore()),
 *   Layer.provide(KeyValueStore.layerFileSystem("keys"))
 * )
 *
 * Layer.isLayer(CibaLive) // => true
 * ```
 *
 * @see OpenID Connect Core 1.0 section 10.1.1
 */
import { Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"
import * as Sealing from "../crypto/Sealing.ts"

/**
 * A JWK Set document, and when it was fetched.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class CachedKeys extends Schema.Class<CachedKeys>("@effect-ciba/core/ProviderKeyStore/CachedKeys")({
  document: Schema.Json,
  fetchedAt: Schema.DateTimeUtc
}) {}

/**
 * A store. Its operations do not fail: what goes wrong is the store's to log.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /** What was saved last for this `jwks_uri`. */
  readonly load: (url: string) => Effect.Effect<Option.Option<CachedKeys>>
  /** Saves the keys in place of what was saved before. */
  readonly save: (url: string, keys: CachedKeys) => Effect.Effect<void>
}

/**
 * The store of the provider's keys.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class ProviderKeyStore extends Context.Service<ProviderKeyStore, Service>()(
  "@effect-ciba/core/ProviderKeyStore"
) {}

/**
 * The store from the context; without one, a store that keeps nothing.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const orNone: Effect.Effect<Service> = Effect.map(
  Effect.serviceOption(ProviderKeyStore),
  Option.getOrElse((): Service => ({ load: () => Effect.succeedNone, save: () => Effect.void }))
)

/**
 * The store from the context, or none, for what must go on when storage fails: a fault is logged, and costs a fetch.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const bestEffort: Effect.Effect<Service> = Effect.map(orNone, (store) => ({
  load: (url) => attempt(() => store.load(url), Option.none()),
  save: (url, keys) => attempt(() => store.save(url, keys), undefined)
}))

/** What the store throws is not in the warning: its text may quote an entry. */
const attempt = <A>(call: () => Effect.Effect<A>, otherwise: A): Effect.Effect<A> => {
  const warnOf = (problem: string) =>
    Effect.as(Effect.logWarning(`The store of the provider's keys: ${problem}`), otherwise)
  return Effect.suspend(call).pipe(
    Effect.catchDefect(() => warnOf("it threw or died")),
    Effect.timeoutOrElse({ duration: "1 second", orElse: () => warnOf("it took longer than a second") })
  )
}

/**
 * Where entries are stored.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options {
  /** The prefix of each entry's key; `jwks/` by default. A sealed entry opens under its whole key alone. */
  readonly prefix?: string | undefined
  /** Seals the entries: the first key seals, the others open what was sealed before a rotation. By default they are in clear. */
  readonly keys?: Sealing.Keys | undefined
}

/**
 * A store over the `KeyValueStore` from the context. Failures are logged as warnings.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = Effect.fnUntraced(function* (
  options?: Options
): Effect.fn.Return<Service, never, KeyValueStore.KeyValueStore> {
  const { keys: sealingKeys, prefix = "jwks/" } = options ?? {}
  const store = KeyValueStore.prefix(yield* KeyValueStore.KeyValueStore, prefix)
  const warn = ({ message }: { readonly message: string }) =>
    Effect.logWarning(`The store of the provider's keys: ${message}`)

  const openEntry = (url: string, text: string) =>
    sealingKeys === undefined
      ? Effect.succeed(text)
      : Effect.map(Sealing.open(text, sealingKeys, [kind, prefix, url]), Redacted.value)

  const sealEntry = (url: string, text: string) =>
    sealingKeys === undefined
      ? Effect.succeed(text)
      : Sealing.seal(Redacted.make(text), sealingKeys, [kind, prefix, url])

  return ProviderKeyStore.of({
    load: (url) =>
      Effect.flatMap(store.get(url), (stored) =>
        stored === undefined
          ? Effect.succeedNone
          : Effect.flatMap(openEntry(url, stored), (text) => Effect.asSome(decode(text)))
      ).pipe(Effect.catch((error) => Effect.as(warn(error), Option.none()))),
    save: (url, keys) =>
      Effect.flatMap(encode(keys), (text) =>
        Effect.flatMap(sealEntry(url, text), (entry) => store.set(url, entry))
      ).pipe(Effect.catch(warn))
  })
})

/** What no other sealed text is. */
const kind = "ProviderKeyStore"

const Json = Schema.fromJsonString(Schema.toCodecJson(CachedKeys))

const encode = Schema.encodeEffect(Json)

const decode = Schema.decodeEffect(Json)

/**
 * A store over the `KeyValueStore` from the context. Failures are logged as warnings.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layerKeyValueStore = (
  options?: Options
): Layer.Layer<ProviderKeyStore, never, KeyValueStore.KeyValueStore> => Layer.effect(ProviderKeyStore, make(options))
