/**
 * Where pending authentications outlive the process: each is kept from its acknowledgement until it is decided, with
 * everything that the wait has learned.
 *
 * **Details**
 *
 * - The flow uses a store where there is one: `Ciba.resumeAll` goes on where an earlier process stopped.
 * - Over a `KeyValueStore`, entries are sealed, and a write that breaks off in its middle leaves the one before intact.
 *
 * **Gotchas**
 *
 * - A store belongs to one process at a time: two of them would poll for the same approvals.
 * - Whoever can write the storage can put back what was there before: sealing gives no freshness. Let what handles a
 *   decision do so once for each `pending.id`.
 * - A store that fails, or takes longer than ten seconds, does not end a wait. The failure is logged, and a restart may
 *   find an older state.
 *
 * @see CIBA Core 1.0 section 7.4
 */
import { Context, Effect, Layer, Option, Order, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"
import type * as Sealing from "../crypto/Sealing.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"
import { open, type PendingAuthentication, seal } from "./PendingAuthentication.ts"

/** The storage failed; the operation may or may not have been done. */
export class PendingStoreError extends ErrorClass.make<PendingStoreError>()(
  "PendingStoreError",
  { operation: Schema.Literals(["put", "get", "remove", "all"]), problem: Schema.String },
  ["the store of pending authentications failed", "fixStorage"]
) {}

/** A store. */
export interface Service {
  /** Keeps the authentication, in the place of what was kept under its `id`. */
  readonly put: (pending: PendingAuthentication) => Effect.Effect<void, PendingStoreError>
  /** What is kept under an `id`, if something is. */
  readonly get: (id: string) => Effect.Effect<Option.Option<PendingAuthentication>, PendingStoreError>
  /** Forgets it. */
  readonly remove: (pending: PendingAuthentication) => Effect.Effect<void, PendingStoreError>
  /** Everything that is kept, the expired included. */
  readonly all: Effect.Effect<ReadonlyArray<PendingAuthentication>, PendingStoreError>
}

/** The store of pending authentications. */
export class PendingStore extends Context.Service<PendingStore, Service>()("@effect-ciba/core/PendingStore") {}

/** A store that keeps nothing. */
const none: Service = {
  put: () => Effect.void,
  get: () => Effect.succeedNone,
  remove: () => Effect.void,
  all: Effect.succeed([])
}

/** The store from the context, each operation limited to ten seconds; without one, a store that keeps nothing. */
export const orNone: Effect.Effect<Service> = /* @__PURE__ */ Effect.map(
  Effect.serviceOption(PendingStore),
  Option.match({
    onNone: () => none,
    onSome: (store) => ({
      put: (pending) => limited("put", store.put(pending)),
      get: (id) => limited("get", store.get(id)),
      remove: (pending) => limited("remove", store.remove(pending)),
      all: limited("all", store.all)
    })
  })
)

/** A store whose failures are logged and cost nothing else: a failed `get` finds nothing. */
export interface BestEffort {
  readonly put: (pending: PendingAuthentication) => Effect.Effect<void>
  readonly get: (id: string) => Effect.Effect<Option.Option<PendingAuthentication>>
  readonly remove: (pending: PendingAuthentication) => Effect.Effect<void>
}

/** The store from the context, or none, for what must go on when storage fails. */
export const bestEffort: Effect.Effect<BestEffort> = /* @__PURE__ */ Effect.map(orNone, (store) => ({
  put: (pending) => orLog(store.put(pending), undefined),
  get: (id) => orLog(store.get(id), Option.none()),
  remove: (pending) => orLog(store.remove(pending), undefined)
}))

const orLog = <A>(call: Effect.Effect<A, PendingStoreError>, otherwise: A): Effect.Effect<A> =>
  Effect.catch(call, ({ message }) => Effect.as(Effect.logError(message), otherwise))

const limited = <A>(
  operation: PendingStoreError["operation"],
  call: Effect.Effect<A, PendingStoreError>
): Effect.Effect<A, PendingStoreError> =>
  Effect.timeoutOrElse(call, {
    duration: "10 seconds",
    orElse: () => Effect.fail(new PendingStoreError({ operation, problem: "it took longer than 10 seconds" }))
  })

/** A store in memory, for as long as the process lives. It is shared between clients. */
export const layerMemory: Layer.Layer<PendingStore> = /* @__PURE__ */ Layer.sync(PendingStore, () => {
  const kept = new Map<string, PendingAuthentication>()
  return PendingStore.of({
    put: (pending) => Effect.sync(() => void kept.set(pending.id, pending)),
    get: (id) => Effect.sync(() => Option.fromNullishOr(kept.get(id))),
    remove: ({ id }) => Effect.sync(() => void kept.delete(id)),
    all: Effect.sync(() => [...kept.values()])
  })
})

/** How entries are kept. */
export interface Options {
  /** The first key seals; the others open what was sealed before a rotation. */
  readonly keys: Sealing.Keys
  /** What the names of entries begin with; `ciba/` by default. */
  readonly prefix?: string | undefined
}

/** A store over the `KeyValueStore` at hand. */
export const make = /* @__PURE__ */ Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Service, never, KeyValueStore.KeyValueStore> {
  const store = KeyValueStore.prefix(yield* KeyValueStore.KeyValueStore, options.prefix ?? "ciba/")
  const revisions = new Map<string, number>()

  const read = Effect.fnUntraced(function* (name: string) {
    const { id, revision } = parts(name)
    const sealed = yield* store.get(name)
    if (id === undefined || sealed === undefined) return []
    return yield* open(sealed, options.keys).pipe(
      Effect.map((pending) => (pending.id === id ? [{ id, revision, pending }] : [])),
      Effect.catch(({ message }) => Effect.as(Effect.logWarning(`${name} is passed over: ${message}`), []))
    )
  })

  /** The latest of these entries that can be opened, for each authentication; older ones are what a crash left. */
  const latest = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
    const entries = (yield* Effect.forEach(names, read)).flat()
    const newest = new Map(entries.sort(byRevision).map((entry) => [entry.id, entry]))
    for (const { id, revision } of newest.values()) revisions.set(id, Math.max(revision, revisions.get(id) ?? 0))
    const older = entries.filter((entry) => newest.get(entry.id) !== entry)
    yield* Effect.forEach(older, ({ id, revision }) => store.remove(`${id}.${revision}`))
    return [...newest.values()].map(({ pending }) => pending)
  })

  /** The names that an authentication's entries can have. */
  const namesOf = Effect.fnUntraced(function* (id: string) {
    const revision = revisions.get(id)
    return revision === undefined
      ? (yield* store.keys).filter((name) => parts(name).id === id)
      : [revision - 1, revision, revision + 1].map((near) => `${id}.${near}`)
  })

  return PendingStore.of({
    put: Effect.fnUntraced(
      function* (pending) {
        if (hasWaited(pending) && !revisions.has(pending.id)) yield* Effect.flatMap(namesOf(pending.id), latest)
        const revision = (revisions.get(pending.id) ?? 0) + 1
        yield* store.set(`${pending.id}.${revision}`, yield* seal(pending, options.keys))
        revisions.set(pending.id, revision)
        yield* store.remove(`${pending.id}.${revision - 1}`)
      },
      Effect.mapError((cause) => failed("put", cause))
    ),
    get: (id) =>
      Effect.flatMap(namesOf(id), latest).pipe(
        Effect.map(([pending]) => Option.fromNullishOr(pending)),
        Effect.mapError((cause) => failed("get", cause))
      ),
    remove: ({ id }) =>
      Effect.flatMap(namesOf(id), (names) => Effect.forEach(names, (name) => store.remove(name))).pipe(
        Effect.andThen(Effect.sync(() => void revisions.delete(id))),
        Effect.mapError((cause) => failed("remove", cause))
      ),
    all: Effect.flatMap(store.keys, latest).pipe(Effect.mapError((cause) => failed("all", cause)))
  })
})

/** A store over the `KeyValueStore` at hand, as a layer. */
export const layerKeyValueStore = (options: Options): Layer.Layer<PendingStore, never, KeyValueStore.KeyValueStore> =>
  Layer.effect(PendingStore, make(options))

const byRevision = /* @__PURE__ */ Order.mapInput(
  Order.Number,
  ({ revision }: { readonly revision: number }) => revision
)

/** What an earlier process may have kept, too. */
const hasWaited = ({ lost, nextPollAt, received }: PendingAuthentication): boolean =>
  lost !== undefined || nextPollAt !== undefined || received !== undefined

const parts = (name: string): { readonly id: string | undefined; readonly revision: number } => {
  const [, id, revision] = /^(.+)\.(\d{1,15})$/.exec(name) ?? []
  return { id, revision: Number(revision) }
}

const failed = (
  operation: PendingStoreError["operation"],
  { message }: KeyValueStore.KeyValueStoreError
): PendingStoreError => new PendingStoreError({ operation, problem: message })
