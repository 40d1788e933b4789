/**
 * Correlates the notifications that a provider sends to the client's notification endpoint with the authentications that
 * wait for them, in ping and push mode.
 *
 * **When to use**
 *
 * Provide one `layer` to the flow (`Ciba.layer`) and to the endpoint (`NotificationReceiver`, or `NodeNotificationServer`
 * of `@effect-ciba/platform-node`). The methods are for an endpoint of your own.
 *
 * **Details**
 *
 * - A notification is expected from before the authentication request is sent: it may arrive before the acknowledgement
 *   does. A push then waits for the acknowledgement, up to 35 seconds.
 * - A client notification token belongs to one request at one provider: it is refused with any other `auth_req_id`.
 * - Tokens are looked up by HMAC: the time that a comparison takes reveals nothing about them.
 * - The first notification counts. Repeated ones are acknowledged and change nothing.
 * - A token is refused once its request has expired. A notification that came after the
 *   acknowledgement stays available for an hour at least.
 * - With a `PendingStore`, the inbox expects the notifications of all stored authentications from its start: after a
 *   restart, a notification may arrive before its authentication is resumed.
 *
 * **Gotchas**
 *
 * - The inbox is the memory of one process: route the notifications to the process that waits for them.
 *
 * **Example** (A notification without a request)
 *
 * ```ts
 * import { NotificationInbox } from "@effect-ciba/core"
 * import { Effect, Option, Redacted } from "effect"
 *
 * const found = NotificationInbox.NotificationInbox.use((inbox) => inbox.find(Redacted.make("unknown token")))
 *
 * Option.isSome(await Effect.runPromise(Effect.provide(found, NotificationInbox.layer))) // => false
 * ```
 *
 * @see CIBA Core 1.0 sections 10.2 and 10.3
 */
import { Context, type DateTime, Duration, Effect, Layer, Option, Redacted, Semaphore } from "effect"
import { Mac, SecureRandom } from "effect/crypto"
import { Base64Url } from "effect/encoding"
import * as KeyedLayer from "../internal/KeyedLayer.ts"
import { monotonicNow, toMonotonic } from "../internal/MonotonicClock.ts"
import * as Sweep from "../internal/Sweep.ts"
import { type PendingAuthentication, update } from "../pending/PendingAuthentication.ts"
import * as PendingStore from "../pending/PendingStore.ts"
import { receive } from "../pending/ReceivedResponse.ts"
import * as InboxEntry from "./InboxEntry.ts"
import type { Notification } from "./Notification.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export { decode as decodeNotification, type Notification } from "./Notification.ts"

/**
 * A notification that may arrive.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface ExpectedNotification {
  readonly token: Redacted.Redacted<string>
  readonly deliveryMode: "ping" | "push"
  /** When the token expires, unless an acknowledgement says otherwise. */
  readonly expiresAt: DateTime.Utc
}

/**
 * @since 0.1.0
 * @stability unstable
 */
export type { Delivery } from "./InboxEntry.ts"

/**
 * Delivers a notification to the request that expects it. A push is in the `PendingStore`, if present, before its wait continues.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Deliver = (notification: Notification) => Effect.Effect<InboxEntry.Delivery, PendingStore.PendingStoreError>

/**
 * The inbox of one process.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /** Expects a notification; call it before the authentication request is sent. `false` if another request has the token. */
  readonly expect: (expected: ExpectedNotification) => Effect.Effect<boolean>
  /** Ties the client notification token to the `auth_req_id`: on acknowledgement, and when a wait is resumed. */
  readonly acknowledge: (pending: PendingAuthentication) => Effect.Effect<void>
  /** What delivers to the request that has this client notification token; none if there is no such request. */
  readonly find: (
    token: Redacted.Redacted<string>
  ) => Effect.Effect<Option.Option<Deliver>, PendingStore.PendingStoreError>
  /** Calls `onNotification` once: for the first notification for this request, at once if it has arrived. Succeeds with what takes that back. */
  readonly subscribe: (
    pending: PendingAuthentication,
    onNotification: (notification: Notification) => void
  ) => Effect.Effect<() => void>
  /** Waits for the first notification for this request. */
  readonly await: (pending: PendingAuthentication) => Effect.Effect<Notification>
  /** Accepts no further notification for this request. A repeated one is a duplicate until the request expires. */
  readonly close: (pending: PendingAuthentication) => Effect.Effect<void>
  /** Expects no notification any more: the authentication request has failed. */
  readonly unregister: (token: Redacted.Redacted<string>) => Effect.Effect<void>
}

/**
 * Correlates notifications with the authentications that wait for them.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class NotificationInbox extends Context.Service<NotificationInbox, Service>()(
  "@effect-ciba/core/NotificationInbox"
) {}

/**
 * The inbox from the context; without one, an inbox that expects nothing.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const orNone: Effect.Effect<Service> = Effect.map(
  Effect.serviceOption(NotificationInbox),
  Option.getOrElse(() => none)
)

const none: Service = {
  expect: () => Effect.succeed(true),
  acknowledge: () => Effect.void,
  find: () => Effect.succeed(Option.none()),
  subscribe: () => Effect.succeed(() => undefined),
  await: () => Effect.never,
  close: () => Effect.void,
  unregister: () => Effect.void
}

/**
 * An inbox in memory.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make: Effect.Effect<Service> = Effect.gen(function* () {
  const store = yield* PendingStore.orNone
  const entries = yield* Effect.provide(makeEntries, layerHmac())

  const acknowledge = Effect.fnUntraced(function* (pending: PendingAuthentication) {
    const { clientNotificationToken: token, deliveryMode, expiresAt } = pending
    if (token === undefined || deliveryMode === "poll") return undefined
    const entry = yield* entries.add({ token, deliveryMode, expiresAt })
    if (apply(entry, { _tag: "Acknowledge", pending })._tag === "Expire")
      entry.expiresAt = yield* toMonotonic(expiresAt)
    return entry
  })

  const stored = yield* Effect.catch(store.all, ({ message }) => Effect.as(Effect.logError(message), []))
  for (const pending of stored) {
    const entry = yield* acknowledge(pending)
    if (entry !== undefined && pending.received !== undefined) apply(entry, { _tag: "Close", ...pending })
  }

  return NotificationInbox.of({
    expect: (expected) =>
      Effect.flatMap(entries.find(expected.token), (existing) =>
        existing === undefined ? Effect.as(entries.add(expected), true) : Effect.succeed(false)
      ),
    acknowledge: (pending) => Effect.asVoid(acknowledge(pending)),
    find: (token) =>
      Effect.map(entries.find(token), (entry) =>
        entry === undefined
          ? Option.none()
          : Option.some((notification) => entry.mutex.withPermit(deliver(store, entry, notification)))
      ),
    subscribe: (pending, onNotification) =>
      Effect.map(acknowledge(pending), (entry) =>
        entry === undefined
          ? () => undefined
          : observe(entry, (state) => InboxEntry.deliveredNotification(state, pending.authReqId), onNotification)
      ),
    await: (pending) =>
      Effect.flatMap(acknowledge(pending), (entry) =>
        entry === undefined
          ? Effect.never
          : awaitState(entry, (state) => InboxEntry.deliveredNotification(state, pending.authReqId))
      ),
    close: Effect.fnUntraced(function* ({ authReqId, clientNotificationToken: token }) {
      const entry = token === undefined ? undefined : yield* entries.find(token)
      if (entry !== undefined) apply(entry, { _tag: "Close", authReqId })
    }),
    unregister: entries.remove
  })
})

/**
 * An inbox in memory, one for each `PendingStore` that it is provided with: it is shared between clients with the same store,
 * or with none.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer: Layer.Layer<NotificationInbox> = (() =>
  KeyedLayer.make([PendingStore.PendingStore], () => Layer.effect(NotificationInbox, make)))()

/** How long a push waits for the acknowledgement that it has overtaken: as long as a request may take by default. */
const acknowledgementTimeout = Duration.seconds(35)

/** How long a notification stays available from its arrival, also beyond the expiry of its request, in milliseconds. */
const retention = 3_600_000

interface Entry {
  state: InboxEntry.State
  /** On the monotonic clock, in milliseconds. */
  expiresAt: number
  /** Called after each change of the state. */
  readonly listeners: Set<() => void>
  /** Notifications are delivered one after the other. */
  readonly mutex: Semaphore.Semaphore
}

/** Entries by the HMAC of their token. */
const makeEntries = Effect.gen(function* () {
  const mac = yield* Mac.Mac
  const key = yield* Effect.orDie(mac.generateKey(Mac.hmacSha256))
  const entries = new Map<string, Entry>()
  const removeExpired = Effect.map(monotonicNow, (now) => {
    for (const [id, { expiresAt }] of entries) if (expiresAt <= now) entries.delete(id)
  })
  const sweep = Sweep.make(() => entries.size, removeExpired)

  const digest = (token: Redacted.Redacted<string>): Effect.Effect<string> =>
    Effect.map(Effect.orDie(mac.sign(key, new TextEncoder().encode(Redacted.value(token)))), Base64Url.encode)

  return {
    /** The entry of a token, unless it has expired. */
    find: Effect.fnUntraced(function* (token: Redacted.Redacted<string>) {
      const entry = entries.get(yield* digest(token))
      return entry !== undefined && entry.expiresAt > (yield* monotonicNow) ? entry : undefined
    }),
    /** The entry of a token; a new one if there is none. */
    add: Effect.fnUntraced(function* ({ deliveryMode, expiresAt, token }: ExpectedNotification) {
      const id = yield* digest(token)
      const now = yield* monotonicNow
      const existing = entries.get(id)
      if (existing !== undefined && existing.expiresAt > now) return existing
      yield* sweep
      const entry: Entry = {
        state: { _tag: "Expected", deliveryMode },
        expiresAt: yield* toMonotonic(expiresAt),
        listeners: new Set(),
        mutex: Semaphore.makeUnsafe(1)
      }
      entries.set(id, entry)
      return entry
    }),
    remove: (token: Redacted.Redacted<string>) => Effect.map(digest(token), (id) => void entries.delete(id))
  }
})

/** HMAC over WebCrypto, shared between clients: it holds no key. */
const layerHmac = (): Layer.Layer<Mac.Mac> => Layer.provide(Mac.layerWebCrypto, SecureRandom.layerWebCrypto)

/** Changes the state of an entry, and calls those that observe it. */
const apply = (entry: Entry, event: InboxEntry.Event): InboxEntry.Action => {
  const [state, action] = InboxEntry.step(entry.state, event)
  if (state !== entry.state) {
    entry.state = state
    for (const listener of entry.listeners) listener()
  }
  return action
}

/** Calls back once, when the state of an entry has what is selected from it. Returns what takes that back. */
const observe = <A>(
  entry: Entry,
  select: (state: InboxEntry.State) => A | undefined,
  onSelected: (selected: A) => void
): (() => void) => {
  const stop = () => void entry.listeners.delete(check)
  const check = () => {
    const selected = select(entry.state)
    if (selected === undefined) return
    stop()
    onSelected(selected)
  }
  entry.listeners.add(check)
  check()
  return stop
}

/** Waits until the state of an entry has what is selected from it. */
const awaitState = <A>(entry: Entry, select: (state: InboxEntry.State) => A | undefined): Effect.Effect<A> =>
  Effect.callback((resume) => Effect.sync(observe(entry, select, (selected) => resume(Effect.succeed(selected)))))

const deliver = Effect.fnUntraced(function* (
  store: PendingStore.Service,
  entry: Entry,
  notification: Notification
): Effect.fn.Return<InboxEntry.Delivery, PendingStore.PendingStoreError> {
  const notify = (): InboxEntry.Action => apply(entry, { _tag: "Notify", notification })
  const selectAcknowledged = (state: InboxEntry.State) => (state._tag === "Expected" ? undefined : state)
  let action = notify()
  if (action._tag === "AwaitAcknowledgement") {
    yield* Effect.timeoutOption(awaitState(entry, selectAcknowledged), acknowledgementTimeout)
    action = notify()
  }
  if (action._tag === "Save") {
    yield* Effect.uninterruptible(save(store, entry, action))
    return "Accepted"
  }
  return action._tag === "Respond" ? action.delivery : "Refused"
})

/** Stores a push, then reports it to the entry; a wait in this process receives it also when it cannot be stored. */
const save = Effect.fnUntraced(function* (
  store: PendingStore.Service,
  entry: Entry,
  { notification, pending }: Extract<InboxEntry.Action, { readonly _tag: "Save" }>
): Effect.fn.Return<void, PendingStore.PendingStoreError> {
  entry.expiresAt = Math.max(entry.expiresAt, (yield* monotonicNow) + retention)
  if (pending.deliveryMode === "push") {
    yield* store
      .put(update(pending, { received: yield* receive(Redacted.value(notification.body)) }))
      .pipe(Effect.onError(() => Effect.sync(() => apply(entry, { _tag: "SaveFailed", notification }))))
  }
  apply(entry, { _tag: "Saved", notification })
})
