/** What is expected, and what has come: the rows of notifications, by the secrets that a provider sends. */

import type * as NotificationInbox from "@effect-ciba/core/NotificationInbox"
import type { PendingAuthentication } from "@effect-ciba/core/PendingAuthentication"
import type * as Sealing from "@effect-ciba/core/Sealing"
import { Clock, DateTime, Effect, Option, type Redacted } from "effect"
import type * as WaitStore from "../WaitStore.ts"
import * as KeyedHash from "./KeyedHash.ts"
import * as NotificationBody from "./NotificationBody.ts"
import * as NotificationTable from "./NotificationTable.ts"
import type { Database } from "./WaitTable.ts"

export type Notification = Effect.Success<ReturnType<NotificationInbox.Service["await"]>>

export interface Options {
  readonly database: Database
  readonly keys: Sealing.Keys
  readonly prefix: string
  readonly store: WaitStore.Service
  /** Called with a notification that was accepted, for the `id` of its authentication. */
  readonly onDelivered: (id: string, notification: Notification) => void
}

type Call<A> = Effect.Effect<A, WaitStore.NotifyError>

export interface Registry {
  /** `false` if another request has the token. */
  readonly expect: (expected: NotificationInbox.ExpectedNotification) => Call<boolean>
  readonly acknowledge: (pending: PendingAuthentication) => Call<void>
  readonly find: (token: Secret) => Call<Option.Option<Deliver>>
  /** The notification that has come for an authentication. */
  readonly findNotification: (pending: PendingAuthentication) => Call<Notification | undefined>
  readonly remove: (token: Secret) => Call<void>
}

type Deliver = (notification: Notification) => Call<NotificationInbox.Delivery>

type Secret = Redacted.Redacted<string>

/** The rows of one client's notifications. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Registry> {
  const { database, keys, prefix } = options
  const tokens = yield* KeyedHash.make(keys, `${prefix} client_notification_token`)
  const handles = yield* KeyedHash.make(keys, `${prefix} auth_req_id`)
  const deliverTo = makeDeliverTo(options, handles)

  return {
    find: Effect.fnUntraced(function* (token) {
      const hashes = yield* tokens.hashByAll(token)
      const found = yield* NotificationTable.find(database, hashes)
      return Option.map(found, (expected) => deliverTo(expected, hashes.indexOf(expected.hash)))
    }),
    expect: ({ deliveryMode, expiresAt, token }) =>
      Effect.flatMap(Effect.all([tokens.hash(token), millisUntil(expiresAt)]), ([hash, millis]) =>
        NotificationTable.expect(database, { deliveryMode, hash }, millis)
      ),
    acknowledge: Effect.fnUntraced(function* ({
      authReqId,
      clientNotificationToken: token,
      deliveryMode,
      expiresAt,
      id
    }) {
      if (token === undefined || deliveryMode === "poll") return
      const [hash, handle] = [yield* tokens.hash(token), yield* handles.hash(authReqId)]
      const millis = yield* millisUntil(expiresAt)
      yield* NotificationTable.acknowledge(database, { deliveryMode, hash, handle, id, millis })
    }),
    findNotification: Effect.fnUntraced(function* ({ authReqId, id }) {
      const found = yield* NotificationTable.findOf(database, id)
      if (Option.isNone(found) || found.value.body === null) return undefined
      const body = yield* NotificationBody.sealed.open(found.value.body, keys, [prefix, found.value.hash])
      return { authReqId, body }
    }),
    remove: (token) => Effect.flatMap(tokens.hashByAll(token), (hashes) => NotificationTable.remove(database, hashes))
  }
})

/** Delivers to the row of a token that was looked up, with the place of the key by which it was found. */
const makeDeliverTo = (options: Options, handles: KeyedHash.KeyedHash) => {
  const { database, store } = options
  const take = makeTake(options)
  return (found: NotificationTable.Expected, key: number): Deliver =>
    Effect.fnUntraced(function* (notification) {
      const call = { notification, key, known: yield* handles.hashByAll(notification.authReqId) }
      const first = yield* take(found, call)
      if (Option.isSome(first)) return first.value
      // The first notification, or the acknowledgement, may have come since the token was looked up.
      const again = yield* NotificationTable.find(database, [found.hash])
      if (Option.isNone(again)) return "Refused"
      const second = yield* take(again.value, call)
      if (Option.isSome(second)) return second.value
      // The process that took the first may have died before its wait knew.
      const { deliveryMode, id } = again.value
      if (id !== null) yield* store.notify(id, { deliveryMode, body: notification.body })
      return "Duplicate"
    })
}

interface ProviderCall {
  readonly notification: Notification
  /** The hashes of its `auth_req_id` by each of the keys, and the place of the key by which its token was found. */
  readonly known: ReadonlyArray<string>
  readonly key: number
}

/** Takes the first notification of a token; none for another one. */
const makeTake = ({ database, keys, onDelivered, prefix, store }: Options) =>
  Effect.fnUntraced(function* (
    { deliveryMode, handle, hash, isNotified }: NotificationTable.Expected,
    { key, known, notification }: ProviderCall
  ): Effect.fn.Return<Option.Option<NotificationInbox.Delivery>, WaitStore.NotifyError> {
    if (handle !== null && !known.includes(handle)) return Option.some("Refused")
    if (isNotified) return Option.none()
    const body = yield* NotificationBody.sealed.seal(notification.body, keys, [prefix, hash])
    const stored = yield* NotificationTable.notify(database, {
      hash,
      known,
      handle: handle ?? known[key] ?? null,
      body
    })
    if (Option.isNone(stored)) return Option.none()
    const { id } = stored.value
    if (id !== null) {
      yield* store.notify(id, { deliveryMode, body: notification.body })
      onDelivered(id, notification)
    }
    return Option.some("Accepted")
  })

const millisUntil = (instant: DateTime.Utc): Effect.Effect<number> =>
  Effect.map(Clock.currentTimeMillis, (now) => Math.max(0, DateTime.toEpochMillis(instant) - now))
