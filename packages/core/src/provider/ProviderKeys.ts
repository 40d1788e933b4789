/**
 * The provider's verification keys: fetched through the injected `HttpClient`, kept, fetched again when a token names a
 * key that is not among them.
 *
 * **Details**
 *
 * - An unknown `kid`, or a signature that no known key has made, fetches the set once more, then not again before a cool-down has passed: tokens with invented key
 *   ids cannot make the client hammer the provider.
 * - Keys that cannot be read are passed over.
 * - With a `ProviderKeyStore`, keys outlive the process.
 *
 * @see OpenID Connect Core 10.1.1
 */
import { Clock, Context, DateTime, Duration, Effect, Layer, Option, Result, Semaphore } from "effect"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import * as JsonWebKeySet from "../crypto/JsonWebKeySet.ts"
import type * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import { redactUrl } from "../http/HttpUrl.ts"
import { Transport } from "../http/Transport.ts"
import { truncateIssues } from "../internal/DisplayText.ts"
import { Discovery, fetchJson } from "./Discovery.ts"
import { DiscoveryError, InvalidDocument } from "./DiscoveryError.ts"
import { CachedKeys, ProviderKeyStore } from "./ProviderKeyStore.ts"
import * as ProviderMetadata from "./ProviderMetadata.ts"

/** How long keys are good. */
export interface Options {
  /** How long a fetched set is used; one hour by default. */
  readonly lifetime?: Duration.Input | undefined
  /** How long after an unknown key caused a fetch another one causes none; 30 seconds by default. */
  readonly coolDown?: Duration.Input | undefined
}

/** By what a token says its key can be found. */
export interface KeyQuery {
  readonly algorithm: JwsAlgorithm.Asymmetric
  readonly keyId: string | undefined
}

/** The keys, wherever they come from. */
export interface Service {
  /** The keys that may have signed the token; none, where the provider has none that fits. */
  readonly candidates: (wanted: KeyQuery) => Effect.Effect<ReadonlyArray<JsonWebKey>, DiscoveryError>
  /** The same after another look, unless one was taken a moment ago: for a signature that no known key has made. */
  readonly refetch: (wanted: KeyQuery) => Effect.Effect<ReadonlyArray<JsonWebKey>, DiscoveryError>
  /** Has the keys ready, so that no spent `auth_req_id` waits for them. */
  readonly prefetch: Effect.Effect<void, DiscoveryError>
}

/** The provider's verification keys. */
export class ProviderKeys extends Context.Service<ProviderKeys, Service>()("@effect-ciba/core/ProviderKeys") {}

/** Keys over HTTP. */
export const make = Effect.fnUntraced(function* (
  options?: Options
): Effect.fn.Return<Service, never, Discovery | Transport> {
  const discovery = yield* Discovery
  const transport = yield* Transport
  const store = yield* Effect.serviceOption(ProviderKeyStore)
  const oneAtATime = Semaphore.withPermits(yield* Semaphore.make(1), 1)
  const lifetime = Duration.toMillis(options?.lifetime ?? "1 hour")
  const coolDown = Duration.toMillis(options?.coolDown ?? "30 seconds")
  let renewedAt = Number.NEGATIVE_INFINITY
  let held: { readonly set: JsonWebKeySet.JsonWebKeySet; readonly at: number } | undefined

  const address = Effect.flatMap(discovery.metadata, (metadata) => ProviderMetadata.endpoint(metadata, "jwks_uri"))

  const fetched = Effect.fnUntraced(function* (): Effect.fn.Return<JsonWebKeySet.JsonWebKeySet, DiscoveryError> {
    const url = yield* address
    const document = yield* Effect.provideService(fetchJson(url), Transport, transport)
    const set = yield* Effect.mapError(
      Effect.fromResult(JsonWebKeySet.decode(document)),
      (error) =>
        new DiscoveryError({ reason: new InvalidDocument({ url: redactUrl(url), issues: truncateIssues(error) }) })
    )
    const at = yield* Clock.currentTimeMillis
    held = { set, at }
    if (Option.isSome(store)) {
      yield* store.value.save(url, new CachedKeys({ document, fetchedAt: DateTime.makeUnsafe(at) }))
    }
    return set
  })

  /** What an earlier process has kept. A fetch that lies in the future is none of this moment's: clocks are wrong. */
  const recalled = Effect.gen(function* () {
    if (Option.isNone(store) || held !== undefined) return
    const kept = yield* store.value.load(yield* address)
    if (Option.isNone(kept)) return
    const at = DateTime.toEpochMillis(kept.value.fetchedAt)
    const set = JsonWebKeySet.decode(kept.value.document)
    if (Result.isSuccess(set) && at <= (yield* Clock.currentTimeMillis)) held = { set: set.success, at }
  })

  const current = oneAtATime(
    Effect.flatMap(Effect.andThen(recalled, Clock.currentTimeMillis), (now) =>
      held !== undefined && now - held.at < lifetime ? Effect.succeed(held.set) : fetched()
    )
  )

  /** Keys that were good before are better than none: the id that the token came for is spent. */
  const orHeld = Effect.catch((error: DiscoveryError) =>
    held === undefined ? Effect.fail(error) : Effect.succeed(held.set)
  )

  /** The set fetched anew, unless an unknown key has caused that a moment ago. */
  const renewed = (known: JsonWebKeySet.JsonWebKeySet): Effect.Effect<JsonWebKeySet.JsonWebKeySet, DiscoveryError> =>
    oneAtATime(
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const fresh = held !== undefined && (held.set !== known || now - held.at < 1000)
        if (held !== undefined && (fresh || now - renewedAt < coolDown)) return Effect.succeed(held.set)
        return Effect.tap(fetched(), () =>
          Effect.sync(() => {
            renewedAt = now
          })
        )
      })
    )

  return ProviderKeys.of({
    prefetch: Effect.asVoid(orHeld(current)),
    refetch: (wanted) =>
      Effect.flatMap(orHeld(current), (known) =>
        Effect.map(renewed(known), (set) => JsonWebKeySet.candidates(set, wanted))
      ),
    candidates: Effect.fnUntraced(function* (wanted) {
      const known = yield* orHeld(current)
      const found = JsonWebKeySet.candidates(known, wanted)
      return found.length > 0 ? found : JsonWebKeySet.candidates(yield* renewed(known), wanted)
    })
  })
})

/** Keys over HTTP, as a layer. */
export const layer = (options?: Options): Layer.Layer<ProviderKeys, never, Discovery | Transport> =>
  Layer.effect(ProviderKeys, make(options))

/** Keys that are at hand. */
export const layerStatic = (document: unknown): Layer.Layer<ProviderKeys, DiscoveryError> =>
  Layer.effect(
    ProviderKeys,
    Result.match(JsonWebKeySet.decode(document), {
      onFailure: (error) =>
        Effect.fail(
          new DiscoveryError({ reason: new InvalidDocument({ url: "the given keys", issues: truncateIssues(error) }) })
        ),
      onSuccess: (set) =>
        Effect.succeed(
          ProviderKeys.of({
            prefetch: Effect.void,
            candidates: (wanted) => Effect.succeed(JsonWebKeySet.candidates(set, wanted)),
            refetch: (wanted) => Effect.succeed(JsonWebKeySet.candidates(set, wanted))
          })
        )
    })
  )
