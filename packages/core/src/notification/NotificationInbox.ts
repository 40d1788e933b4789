/**
 * Where calls of the provider meet the waits that they are for.
 *
 * **Details**
 *
 * - A call is expected before the request is sent, under its bearer: it may come before the acknowledgement does.
 * - A bearer belongs to one request at one provider; it opens nothing for another `auth_req_id`.
 * - Bearers are compared by keyed hashes: the time that it takes tells nothing of them.
 * - The first call counts. Later ones are acknowledged and change nothing.
 * - After its expiry a request is forgotten, and its bearer is nobody's.
 * - With a `PendingStore` it expects calls for all that is kept, from its beginning: after a restart a call may come
 *   before its wait goes on.
 *
 * @see CIBA Core 1.0 sections 10.2 and 10.3
 */
import { Clock, Context, DateTime, Deferred, Duration, Effect, Equal, Layer, Option, Redacted, Semaphore } from "effect"
import * as TokenHash from "../crypto/TokenHash.ts"
import { monotonicNow } from "../internal/MonotonicClock.ts"
import * as RandomToken from "../internal/RandomToken.ts"
import { type PendingAuthentication, update } from "../pending/PendingAuthentication.ts"
import * as PendingStore from "../pending/PendingStore.ts"
import type { Notification } from "./Notification.ts"

/** A call that may come. */
export interface ExpectedNotification {
  readonly token: Redacted.Redacted<string>
  readonly deliveryMode: "ping" | "push"
  /** Until when, unless an acknowledgement says otherwise. */
  readonly until: DateTime.Utc
}

/**
 * What became of a call:
 *
 * - `Accepted`: it was the first for its request
 * - `Duplicate`: there was one before
 * - `Refused`: the bearer is nobody's, or another request's
 */
export type Delivery = "Accepted" | "Duplicate" | "Refused"

/** The inbox of one process. */
export interface Service {
  /** Expects a call, from before the request is sent. */
  readonly expect: (expected: ExpectedNotification) => Effect.Effect<void>
  /** Ties the bearer to the id that the provider gave: on acknowledgement, and when a wait goes on. */
  readonly acknowledge: (pending: PendingAuthentication) => Effect.Effect<void>
  /** Whether some request has this bearer. */
  readonly isExpected: (token: Redacted.Redacted<string>) => Effect.Effect<boolean>
  /** Delivers a call. A push is in the store, where there is one, before anybody hears of it. */
  readonly deliver: (
    token: Redacted.Redacted<string>,
    notification: Notification
  ) => Effect.Effect<Delivery, PendingStore.PendingStoreError>
  /** The first call for this request, where it has come. */
  readonly peek: (pending: PendingAuthentication) => Effect.Effect<Option.Option<Notification>>
  /** Waits for the first call for this request. */
  readonly await: (pending: PendingAuthentication) => Effect.Effect<Notification>
  /** Takes no call for this request any more. Repeated ones are still known as such until it expires. */
  readonly close: (pending: PendingAuthentication) => Effect.Effect<void>
  /** Expects no call after all: the request failed. */
  readonly unregister: (token: Redacted.Redacted<string>) => Effect.Effect<void>
}

/** The inbox. */
export class NotificationInbox extends Context.Service<NotificationInbox, Service>()(
  "@effect-ciba/core/NotificationInbox"
) {}

/** The inbox from the context; without one, an inbox that expects nothing. */
export const orNone: Effect.Effect<Service> = /* @__PURE__ */ Effect.map(
  Effect.serviceOption(NotificationInbox),
  Option.getOrElse(() => none)
)

const none: Service = {
  expect: () => Effect.void,
  acknowledge: () => Effect.void,
  isExpected: () => Effect.succeed(false),
  deliver: () => Effect.succeed("Refused"),
  peek: () => Effect.succeedNone,
  await: () => Effect.never,
  close: () => Effect.void,
  unregister: () => Effect.void
}

/** An inbox in memory. */
export const make: Effect.Effect<Service> = /* @__PURE__ */ Effect.gen(function* () {
  const store = yield* PendingStore.orNone
  const blind = yield* RandomToken.generate(32)
  const entries = new Map<string, Entry>()

  /** The name of a bearer: what its comparison with others takes tells nothing of it. */
  const named = (token: Redacted.Redacted<string>): Effect.Effect<string> =>
    TokenHash.sha256(Redacted.make(`${blind}.${Redacted.value(token)}`))

  const found = Effect.fnUntraced(function* (token: Redacted.Redacted<string>): Effect.fn.Return<Entry | undefined> {
    const entry = entries.get(yield* named(token))
    return entry !== undefined && entry.until > (yield* monotonicNow) ? entry : undefined
  })

  const opened = Effect.fnUntraced(function* (expected: ExpectedNotification): Effect.fn.Return<Entry> {
    const name = yield* named(expected.token)
    const now = yield* monotonicNow
    const known = entries.get(name)
    if (known !== undefined && known.until > now) return known
    for (const [name, { until }] of entries) if (until <= now) entries.delete(name)
    const entry: Entry = {
      deliveryMode: expected.deliveryMode,
      until: yield* instantOf(expected.until),
      acknowledged: Deferred.makeUnsafe<PendingAuthentication>(),
      arrived: Deferred.makeUnsafe<Notification>(),
      turn: Semaphore.makeUnsafe(1),
      early: undefined,
      kept: false,
      closed: false
    }
    entries.set(name, entry)
    return entry
  })

  const acknowledge = Effect.fnUntraced(function* (
    pending: PendingAuthentication
  ): Effect.fn.Return<Entry | undefined> {
    const { authReqId, clientNotificationToken: token, deliveryMode, expiresAt: until } = pending
    if (token === undefined || deliveryMode === "poll") return undefined
    const entry = yield* opened({ token, deliveryMode, until })
    if (yield* Deferred.succeed(entry.acknowledged, pending)) entry.until = yield* instantOf(until)
    const { early } = entry
    if (early !== undefined && Equal.equals(early.authReqId, authReqId)) {
      entry.kept = true
      yield* Deferred.succeed(entry.arrived, early)
    }
    return entry
  })

  const kept = Effect.fnUntraced(function* (
    pending: PendingAuthentication,
    { body }: Notification
  ): Effect.fn.Return<void, PendingStore.PendingStoreError> {
    if (pending.deliveryMode !== "push") return
    const received = { body: Redacted.make(Redacted.value(body), { label: "token response" }), at: yield* DateTime.now }
    yield* store.put(update(pending, { received }))
  })

  const accepted = Effect.fnUntraced(function* (
    entry: Entry,
    notification: Notification
  ): Effect.fn.Return<Delivery, PendingStore.PendingStoreError> {
    const isAcknowledged = yield* Deferred.isDone(entry.acknowledged)
    if (!isAcknowledged && entry.deliveryMode === "ping") {
      const delivery = entry.early === undefined ? "Accepted" : "Duplicate"
      entry.early ??= notification
      return delivery
    }
    const pending = yield* Effect.timeoutOption(Deferred.await(entry.acknowledged), patience)
    if (Option.isNone(pending) || !Equal.equals(pending.value.authReqId, notification.authReqId)) return "Refused"
    if (entry.closed || entry.kept) return "Duplicate"
    yield* Effect.uninterruptible(handedOver(entry, pending.value, notification))
    return "Accepted"
  })

  /** A push is in the store before anybody hears of it; where that fails, those who wait now have it all the same. */
  const handedOver = Effect.fnUntraced(function* (
    entry: Entry,
    pending: PendingAuthentication,
    notification: Notification
  ): Effect.fn.Return<void, PendingStore.PendingStoreError> {
    entry.until = Math.max(entry.until, (yield* monotonicNow) + lasting)
    yield* Effect.ensuring(
      Effect.tapError(kept(pending, notification), ({ message }) => Effect.logError(message)),
      Deferred.succeed(entry.arrived, notification)
    )
    entry.kept = true
  })

  const peek = Effect.fnUntraced(function* (
    pending: PendingAuthentication
  ): Effect.fn.Return<Option.Option<Notification>> {
    const entry = yield* acknowledge(pending)
    return entry !== undefined && (yield* Deferred.isDone(entry.arrived))
      ? Option.some(yield* Deferred.await(entry.arrived))
      : Option.none()
  })

  const take = Effect.fnUntraced(function* (pending: PendingAuthentication): Effect.fn.Return<Notification> {
    const entry = yield* acknowledge(pending)
    return entry === undefined ? yield* Effect.never : yield* Deferred.await(entry.arrived)
  })

  const restored = Effect.fnUntraced(function* (pending: PendingAuthentication): Effect.fn.Return<void> {
    const entry = yield* acknowledge(pending)
    if (entry !== undefined && pending.received !== undefined) entry.closed = true
  })

  const stored = yield* Effect.catch(store.all, ({ message }) => Effect.as(Effect.logError(message), []))
  yield* Effect.forEach(stored, restored, { discard: true })

  return NotificationInbox.of({
    expect: (expected) => Effect.asVoid(opened(expected)),
    acknowledge: (pending) => Effect.asVoid(acknowledge(pending)),
    isExpected: (token) => Effect.map(found(token), (entry) => entry !== undefined),
    deliver: Effect.fnUntraced(function* (token, notification) {
      const entry = yield* found(token)
      return entry === undefined ? "Refused" : yield* entry.turn.withPermit(accepted(entry, notification))
    }),
    peek,
    await: take,
    close: Effect.fnUntraced(function* ({ clientNotificationToken: token }) {
      const entry = token === undefined ? undefined : yield* found(token)
      if (entry !== undefined) entry.closed = true
    }),
    unregister: (token) => Effect.map(named(token), (name) => void entries.delete(name))
  })
})

/** An inbox in memory, with the `PendingStore` of the context. One is shared between clients. */
export const layer: Layer.Layer<NotificationInbox> = /* @__PURE__ */ Layer.effect(NotificationInbox, make)

interface Entry {
  readonly deliveryMode: "ping" | "push"
  /** On the clock that does not jump, in milliseconds. */
  until: number
  readonly acknowledged: Deferred.Deferred<PendingAuthentication>
  readonly arrived: Deferred.Deferred<Notification>
  /** Calls are taken one after the other. */
  readonly turn: Semaphore.Semaphore
  early: Notification | undefined
  /** Whether the first call was handed over, and kept. */
  kept: boolean
  closed: boolean
}

/** How long a push waits for the acknowledgement that it has overtaken: as long as a call may take. */
const patience = /* @__PURE__ */ Duration.seconds(35)

/** How long what has come waits for who takes it, beyond the expiry, in milliseconds. */
const lasting = 3_600_000

const instantOf = (time: DateTime.Utc): Effect.Effect<number> =>
  Effect.zipWith(
    monotonicNow,
    Clock.currentTimeMillis,
    (now, wallClock) => now + DateTime.toEpochMillis(time) - wallClock
  )
