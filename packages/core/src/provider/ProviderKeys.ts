/**
 * The provider's verification keys: its JWK Set, fetched from `jwks_uri`, cached, and fetched again for a token that no
 * cached key verifies.
 *
 * **When to use**
 *
 * `Ciba.layer` has a `ProviderKeys.layer` and takes its options as `keys`. Use `layerStatic` for a provider whose keys are
 * configured.
 *
 * **Details**
 *
 * - An unknown `kid`, and a signature that no cached key verifies, cause one fetch, and no other before a cool-down has
 *   passed: tokens with invented key ids do not turn into load on the provider.
 * - If a set has expired and cannot be fetched again, it stays in use.
 * - A member of the set that is not a readable JWK is skipped.
 * - With a `ProviderKeyStore`, the set outlives the process.
 *
 * **Example** (Configured keys)
 *
 * ```ts
 * import { ProviderKeys, SigningKey } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const { publicJwk } = yield* SigningKey.generate("ES256")
 *   const candidates = ProviderKeys.ProviderKeys.use((keys) =>
 *     keys.candidates({ algorithm: "ES256", keyId: publicJwk.kid })
 *   )
 *   return yield* Effect.provide(candidates, ProviderKeys.layerStatic({ keys: [publicJwk] }))
 * })
 *
 * const found = await Effect.runPromise(program)
 * found.length // => 1
 * ```
 *
 * @see OpenID Connect Core 1.0 section 10.1.1
 */
import { Clock, Context, DateTime, Duration, Effect, Exit, Layer, Option, Result, type Scope } from "effect"
import type { JsonWebKey } from "../crypto/JsonWebKey.ts"
import * as JsonWebKeySet from "../crypto/JsonWebKeySet.ts"
import type * as JwsAlgorithm from "../crypto/JwsAlgorithm.ts"
import { redactUrl } from "../http/HttpUrl.ts"
import { ensureDuration, type InvalidOption } from "../http/InvalidOption.ts"
import { Transport } from "../http/Transport.ts"
import { truncateIssues } from "../internal/DisplayText.ts"
import { monotonicNowUnsafe } from "../internal/MonotonicClock.ts"
import { Discovery, fetchJson } from "./Discovery.ts"
import { DiscoveryError, InvalidDocument } from "./DiscoveryError.ts"
import * as LastGood from "./LastGood.ts"
import * as ProviderKeyStore from "./ProviderKeyStore.ts"
import * as ProviderMetadata from "./ProviderMetadata.ts"

/**
 * How long a fetched set is used, and how often it may be fetched.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options {
  /** How long a fetched set is used; one hour by default. */
  readonly lifetime?: Duration.Input | undefined
  /** How long after a fetch for an unknown key no other unknown key causes one; 30 seconds by default. */
  readonly coolDown?: Duration.Input | undefined
}

/**
 * What a token's header says about its key.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface KeyQuery {
  readonly algorithm: JwsAlgorithm.Asymmetric
  readonly keyId: string | undefined
}

/**
 * The provider's verification keys, from wherever a layer takes them.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /** The keys that may have signed the token; empty if the provider publishes none that fits. */
  readonly candidates: (query: KeyQuery) => Effect.Effect<ReadonlyArray<JsonWebKey>, DiscoveryError>
  /** The same after another fetch, which the cool-down may deny: for a signature that no candidate verifies. */
  readonly refetch: (query: KeyQuery) => Effect.Effect<ReadonlyArray<JsonWebKey>, DiscoveryError>
  /** The least time between two fetches for a key that is not in the set; `undefined` if the set never changes. */
  readonly coolDown: Duration.Duration | undefined
  /** Fetches the set if it is not cached, so that a spent `auth_req_id` never waits for it. */
  readonly prefetch: Effect.Effect<void, DiscoveryError>
}

/**
 * The provider's verification keys.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class ProviderKeys extends Context.Service<ProviderKeys, Service>()("@effect-ciba/core/ProviderKeys") {}

/**
 * Keys over HTTP, cached in memory, and in the `ProviderKeyStore` from the context if there is one.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = Effect.fnUntraced(function* (
  options?: Options
): Effect.fn.Return<Service, InvalidOption, Discovery | Transport | Scope.Scope> {
  const { fetch, load } = yield* makeSource
  const lifetime = Duration.toMillis(yield* ensureDuration("keys.lifetime", options?.lifetime ?? "1 hour"))
  const coolDown = Duration.toMillis(yield* ensureDuration("keys.coolDown", options?.coolDown ?? "30 seconds"))
  const sets = yield* LastGood.make({ fetch, load, lifetime })
  /** When an unknown key last caused a fetch, on the monotonic clock in milliseconds, and why that failed. */
  let refetchedAt = Number.NEGATIVE_INFINITY
  let failure: DiscoveryError | undefined

  const current = Effect.map(sets.current, ({ set }) => set)

  const renew = Effect.clockWith((clock) => {
    refetchedAt = monotonicNowUnsafe(clock)
    return Effect.map(
      Effect.onExit(sets.renew, (exit) =>
        Effect.sync(() => {
          failure = Option.getOrUndefined(Exit.findErrorOption(exit))
        })
      ),
      ({ set }) => set
    )
  })

  /**
   * For a token that no key of `known` verifies; not if a newer set is cached, or one from just now. A failure counts until the
   * cool-down is over.
   */
  const refetch = (known: JsonWebKeySet.JsonWebKeySet): Effect.Effect<JsonWebKeySet.JsonWebKeySet, DiscoveryError> =>
    Effect.clockWith((clock) => {
      const last = sets.last()
      if (last !== undefined && last.set !== known) return Effect.succeed(last.set)
      if (sets.isRenewing()) return renew
      if (monotonicNowUnsafe(clock) - refetchedAt < coolDown)
        return failure === undefined ? Effect.succeed(known) : Effect.fail(failure)
      const isNew = last !== undefined && LastGood.isWithin(clock.currentTimeMillisUnsafe() - last.fetchedAt, 1000)
      return isNew ? Effect.succeed(known) : renew
    })

  return ProviderKeys.of({
    coolDown: Duration.millis(coolDown),
    prefetch: Effect.asVoid(current),
    refetch: (query) => Effect.map(Effect.flatMap(current, refetch), (set) => JsonWebKeySet.candidates(set, query)),
    candidates: (query) =>
      Effect.flatMap(current, (known) => {
        const found = JsonWebKeySet.candidates(known, query)
        return found.length > 0
          ? Effect.succeed(found)
          : Effect.map(refetch(known), (set) => JsonWebKeySet.candidates(set, query))
      })
  })
})

/**
 * Keys over HTTP, cached as `Options` say.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (options?: Options): Layer.Layer<ProviderKeys, InvalidOption, Discovery | Transport> =>
  Layer.effect(ProviderKeys, make(options))

/**
 * The keys of a JWK Set document; nothing is fetched.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layerStatic = (document: unknown): Layer.Layer<ProviderKeys, DiscoveryError> =>
  Layer.effect(
    ProviderKeys,
    Effect.map(decode("the given keys", document), (set) => {
      const candidates = (query: KeyQuery) => Effect.succeed(JsonWebKeySet.candidates(set, query))
      return ProviderKeys.of({ coolDown: undefined, prefetch: Effect.void, candidates, refetch: candidates })
    })
  )

/** Where the set comes from: the provider, and what an earlier process stored. */
const makeSource = Effect.gen(function* () {
  const discovery = yield* Discovery
  const transport = yield* Transport
  const store = yield* ProviderKeyStore.bestEffort
  const jwksUri = Effect.flatMap(discovery.metadata, (metadata) => ProviderMetadata.endpoint(metadata, "jwks_uri"))

  const fetch = Effect.gen(function* () {
    const url = yield* jwksUri
    const document = yield* Effect.provideService(
      fetchJson(url, "application/jwk-set+json, application/json"),
      Transport,
      transport
    )
    const set = yield* decode(redactUrl(url), document)
    const fetchedAt = yield* Clock.currentTimeMillis
    const cached = new ProviderKeyStore.CachedKeys({ document, fetchedAt: DateTime.makeUnsafe(fetchedAt) })
    yield* store.save(url, cached)
    return { set, fetchedAt }
  })

  const load = Effect.gen(function* () {
    const stored = yield* store.load(yield* jwksUri)
    if (Option.isNone(stored)) return undefined
    const fetchedAt = DateTime.toEpochMillis(stored.value.fetchedAt)
    const set = JsonWebKeySet.decode(stored.value.document)
    // A time in the future was written by a wrong clock, and would keep the set in use for longer than its lifetime.
    return Result.isSuccess(set) && fetchedAt <= (yield* Clock.currentTimeMillis)
      ? { set: set.success, fetchedAt }
      : undefined
  })

  return { fetch, load }
})

const decode = (url: string, document: unknown) =>
  Effect.mapError(
    Effect.fromResult(JsonWebKeySet.decode(document)),
    (error) => new DiscoveryError({ reason: new InvalidDocument({ url, issues: truncateIssues(error) }) })
  )
