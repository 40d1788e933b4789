/**
 * Where pending authentications outlive the process: each is stored from its acknowledgement until its result has been
 * returned, with the state of its wait.
 *
 * **When to use**
 *
 * Provide a store if an end-user may approve while the process restarts. `Ciba.resumeAll` then continues the waits that an
 * earlier process left.
 *
 * **Details**
 *
 * - If there is no store in the context, nothing is stored.
 * - Over a `KeyValueStore`, entries are sealed, each for its own key: one that was copied to another key is skipped. Each write adds an entry before it removes the previous one, so that an
 *   interrupted write leaves a readable entry.
 *
 * **Gotchas**
 *
 * - A store belongs to one process at a time: two of them would poll for the same `auth_req_id`.
 * - Sealing does not prove freshness: write access to the storage is enough to put back an older entry. Handle each
 *   result once, by its `pending.id`.
 * - An operation that fails, throws, dies, or takes longer than ten seconds, does not end a wait. The failure is logged, and a restart
 *   may find an older state.
 *
 * **Example** (A store in files)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, PendingStore, Sealing } from "@effect-ciba/core"
 * import { Effect, Layer, Redacted } from "effect"
 * import { KeyValueStore } from "effect/persistence"
 *
 * const StoreLive = Layer.unwrap(
 *   Effect.map(Sealing.fromBytes("2030-01", Redacted.make("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI")), (key) =>
 *     PendingStore.layerKeyValueStore({ keys: [key] })
 *   )
 * ).pipe(Layer.provide(KeyValueStore.layerFileSystem("pending")))
 *
 * const CibaLive = Ciba.layer({
 *   issuer: "https://op.example.com",
 *   clientId: "bank-app",
 *   authentication: ClientAuthentication.clientSecretBasic(Redacted.make("a secret"))
 * }).pipe(Layer.provide(StoreLive))
 *
 * Layer.isLayer(CibaLive) // => true
 * ```
 *
 * @see CIBA Core 1.0 section 7.4
 */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"
import type * as Sealing from "../crypto/Sealing.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"
import { open, type PendingAuthentication, seal } from "./PendingAuthentication.ts"

/**
 * The storage failed; the operation may or may not have been done.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class PendingStoreError extends ErrorClass.make<PendingStoreError>()(
  "PendingStoreError",
  { operation: Schema.Literals(["put", "get", "remove", "all"]), problem: Schema.String },
  ["the store of pending authentications failed", "fixStorage"]
) {}

/**
 * A store of pending authentications, one entry for each `id`.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /** Stores the authentication in place of the entry with its `id`. */
  readonly put: (pending: PendingAuthentication) => Effect.Effect<void, PendingStoreError>
  /** The entry with this `id`. */
  readonly get: (id: string) => Effect.Effect<Option.Option<PendingAuthentication>, PendingStoreError>
  /** Removes the entry with its `id`. */
  readonly remove: (pending: PendingAuthentication) => Effect.Effect<void, PendingStoreError>
  /** Every entry, expired ones included. */
  readonly all: Effect.Effect<ReadonlyArray<PendingAuthentication>, PendingStoreError>
}

/**
 * The store of pending authentications.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class PendingStore extends Context.Service<PendingStore, Service>()("@effect-ciba/core/PendingStore") {}

/** A store that keeps nothing. */
const none: Service = {
  put: () => Effect.void,
  get: () => Effect.succeedNone,
  remove: () => Effect.void,
  all: Effect.succeed([])
}

/**
 * The store from the context, each operation limited to ten seconds; without one, a store that keeps nothing. An operation
 * that throws or dies fails.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const orNone: Effect.Effect<Service> = Effect.map(
  Effect.serviceOption(PendingStore),
  Option.match({
    onNone: () => none,
    onSome: (store) => ({
      put: (pending) => attempt("put", () => store.put(pending)),
      get: (id) => attempt("get", () => store.get(id)),
      remove: (pending) => attempt("remove", () => store.remove(pending)),
      all: attempt("all", () => store.all)
    })
  })
)

/**
 * A store whose failures are logged and cost nothing else: a failed `get` finds nothing.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface BestEffort {
  /** Whether there is a store. */
  readonly isPresent: boolean
  readonly put: (pending: PendingAuthentication) => Effect.Effect<void>
  readonly get: (id: string) => Effect.Effect<Option.Option<PendingAuthentication>>
  readonly remove: (pending: PendingAuthentication) => Effect.Effect<void>
}

/**
 * The store from the context, or none, for what must go on when storage fails.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const bestEffort: Effect.Effect<BestEffort> = Effect.map(orNone, (store) => ({
  isPresent: store !== none,
  put: (pending) => orLog(store.put(pending), undefined),
  get: (id) => orLog(store.get(id), Option.none()),
  remove: (pending) => orLog(store.remove(pending), undefined)
}))

const orLog = <A>(call: Effect.Effect<A, PendingStoreError>, otherwise: A): Effect.Effect<A> =>
  Effect.catch(call, ({ message }) => Effect.as(Effect.logError(message), otherwise))

/** Calls the store. What it throws is not in the error: its text may quote an entry. */
const attempt = <A>(
  operation: PendingStoreError["operation"],
  call: () => Effect.Effect<A, PendingStoreError>
): Effect.Effect<A, PendingStoreError> => {
  const fail = (problem: string) => Effect.fail(new PendingStoreError({ operation, problem }))
  return Effect.suspend(call).pipe(
    Effect.catchDefect(() => fail("it threw or died instead of failing with a PendingStoreError")),
    Effect.timeoutOrElse({ duration: "10 seconds", orElse: () => fail("it took longer than 10 seconds") })
  )
}

/**
 * A store in memory, for as long as the process lives. It is shared between clients.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layerMemory: Layer.Layer<PendingStore> = Layer.sync(PendingStore, () => {
  const entries = new Map<string, PendingAuthentication>()
  return PendingStore.of({
    put: (pending) => Effect.sync(() => void entries.set(pending.id, pending)),
    get: (id) => Effect.sync(() => Option.fromNullishOr(entries.get(id))),
    remove: ({ id }) => Effect.sync(() => void entries.delete(id)),
    all: Effect.sync(() => [...entries.values()])
  })
})

/**
 * How entries are sealed, and where they are stored.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options {
  /** The first key seals; the others open what was sealed before a rotation. */
  readonly keys: Sealing.Keys
  /** The prefix of each entry's key; `ciba/` by default. An entry opens under its whole key alone: one prefix for each client separates their entries. */
  readonly prefix?: string | undefined
}

/**
 * A store of sealed entries in the `KeyValueStore` from the context.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Service, never, KeyValueStore.KeyValueStore> {
  const prefix = options.prefix ?? "ciba/"
  const store = KeyValueStore.prefix(yield* KeyValueStore.KeyValueStore, prefix)
  const revisions = new Map<string, number>()

  const read = Effect.fnUntraced(function* (name: string) {
    const { id, revision } = parseName(name)
    const sealed = yield* store.get(name)
    if (id === undefined || sealed === undefined) return []
    return yield* open(sealed, options.keys, [prefix, name]).pipe(
      Effect.map((pending) => (pending.id === id ? [{ id, revision, pending }] : [])),
      Effect.catch(({ message }) => Effect.as(Effect.logWarning(`${name} is skipped: ${message}`), []))
    )
  })

  /** The latest readable entry of each authentication. Older ones, which interrupted writes left, are removed. */
  const loadLatest = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
    const entries = (yield* Effect.forEach(names, read)).flat().sort((one, other) => one.revision - other.revision)
    const newest = new Map(entries.map((entry) => [entry.id, entry]))
    for (const { id, revision } of newest.values()) revisions.set(id, Math.max(revision, revisions.get(id) ?? 0))
    const older = entries.filter((entry) => newest.get(entry.id) !== entry)
    yield* Effect.forEach(older, ({ id, revision }) => store.remove(`${id}.${revision}`))
    return [...newest.values()].map(({ pending }) => pending)
  })

  /** The names of entries that an authentication may have. */
  const namesOf = Effect.fnUntraced(function* (id: string) {
    const revision = revisions.get(id)
    return revision === undefined
      ? (yield* store.keys).filter((name) => parseName(name).id === id)
      : [revision - 1, revision, revision + 1].map((near) => `${id}.${near}`)
  })

  return PendingStore.of({
    put: Effect.fnUntraced(function* (pending) {
      if (hasWaited(pending) && !revisions.has(pending.id)) yield* Effect.flatMap(namesOf(pending.id), loadLatest)
      const revision = (revisions.get(pending.id) ?? 0) + 1
      const name = `${pending.id}.${revision}`
      yield* store.set(name, yield* seal(pending, options.keys, [prefix, name]))
      revisions.set(pending.id, revision)
      yield* store.remove(`${pending.id}.${revision - 1}`)
    }, failAs("put")),
    get: (id) =>
      Effect.flatMap(namesOf(id), loadLatest).pipe(
        Effect.map(([pending]) => Option.fromNullishOr(pending)),
        failAs("get")
      ),
    remove: ({ id }) =>
      Effect.flatMap(namesOf(id), (names) => Effect.forEach(names, (name) => store.remove(name))).pipe(
        Effect.andThen(Effect.sync(() => void revisions.delete(id))),
        failAs("remove")
      ),
    all: Effect.flatMap(store.keys, loadLatest).pipe(failAs("all"))
  })
})

/**
 * A store of sealed entries in the `KeyValueStore` from the context.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layerKeyValueStore = (options: Options): Layer.Layer<PendingStore, never, KeyValueStore.KeyValueStore> =>
  Layer.effect(PendingStore, make(options))

/** Whether an earlier process may have stored it, too. */
const hasWaited = ({ received, wait }: PendingAuthentication): boolean => wait !== undefined || received !== undefined

const parseName = (name: string): { readonly id: string | undefined; readonly revision: number } => {
  const [, id, revision] = /^(.+)\.(\d{1,15})$/.exec(name) ?? []
  return { id, revision: Number(revision) }
}

const failAs = (operation: PendingStoreError["operation"]) =>
  Effect.mapError(
    ({ message }: KeyValueStore.KeyValueStoreError) => new PendingStoreError({ operation, problem: message })
  )
