/**
 * Where the provider's keys outlive the process: for runtimes that remember nothing between two calls.
 *
 * **Details**
 *
 * - `ProviderKeys` looks here before it fetches, where there is a store, and keeps here what it has fetched.
 * - Kept keys are as good as fetched ones, and no longer: their lifetime counts from the fetch.
 * - A store that fails, and an entry that cannot be read, cost a fetch and nothing else.
 *
 * **Gotchas**
 *
 * - Whoever can write to the store decides whose tokens are believed. Let nobody but your program write there.
 *
 * **Example** (Keys on disk)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, ProviderKeyStore } from "@effect-ciba/core"
 * import { Effect, Layer, Redacted } from "effect"
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
 */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"

/** A key set document, and when it was fetched. */
export class CachedKeys extends Schema.Class<CachedKeys>("@effect-ciba/core/ProviderKeyStore/CachedKeys")({
  document: Schema.Json,
  fetchedAt: Schema.DateTimeUtc
}) {}

/** A store. Its failures are its own business. */
export interface Service {
  /** What was kept last for this `jwks_uri`. */
  readonly load: (url: string) => Effect.Effect<Option.Option<CachedKeys>>
  /** Keeps the keys, in the place of what was kept before. */
  readonly save: (url: string, keys: CachedKeys) => Effect.Effect<void>
}

/** The store of the provider's keys. */
export class ProviderKeyStore extends Context.Service<ProviderKeyStore, Service>()(
  "@effect-ciba/core/ProviderKeyStore"
) {}

/** How entries are kept. */
export interface Options {
  /** What the names of entries begin with; `jwks/` by default. */
  readonly prefix?: string | undefined
}

/** A store over the `KeyValueStore` at hand. Failures are logged. */
export const make = Effect.fnUntraced(function* (
  options?: Options
): Effect.fn.Return<Service, never, KeyValueStore.KeyValueStore> {
  const store = KeyValueStore.toSchemaStore(
    KeyValueStore.prefix(yield* KeyValueStore.KeyValueStore, options?.prefix ?? "jwks/"),
    CachedKeys
  )
  const failed = ({ message }: { readonly message: string }) =>
    Effect.logWarning(`The store of the provider's keys: ${message}`)

  return ProviderKeyStore.of({
    load: (url) => Effect.catch(store.get(url), (error) => Effect.as(failed(error), Option.none())),
    save: (url, keys) => Effect.catch(store.set(url, keys), failed)
  })
})

/** A store over the `KeyValueStore` at hand, as a layer. */
export const layerKeyValueStore = (
  options?: Options
): Layer.Layer<ProviderKeyStore, never, KeyValueStore.KeyValueStore> => Layer.effect(ProviderKeyStore, make(options))
