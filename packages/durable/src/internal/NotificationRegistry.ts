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
    find: (token) =>
      Effect.map(
        Effect.flatMap(tokens.hashByAll(token), (hashes) => NotificationTable.find(database, hashes)),
        Option.map(deliverTo)
      ),
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

const makeDeliverTo =
  ({ database, keys, onDelivered, prefix, store }: Options, handles: KeyedHash.KeyedHash) =>
  ({ deliveryMode, handle, hash, id: expected, isNotified }: NotificationTable.Expected): Deliver =>
    Effect.fnUntraced(function* (notification) {
      const { authReqId, body } = notification
      const known = yield* handles.hashByAll(authReqId)
      if (handle !== null && !known.includes(handle)) return "Refused"
      const stored = isNotified
        ? Option.none()
        : yield* NotificationTable.notify(database, {
            hash,
            known,
            handle: handle ?? (yield* handles.hash(authReqId)),
            body: yield* NotificationBody.sealed.seal(body, keys, [prefix, hash])
          })
      // Also for a repeated one: the process that took the first may have died before its wait knew.
      const id = Option.isSome(stored) ? stored.value.id : expected
      if (id !== null) yield* store.notify(id, { deliveryMode, body })
      if (Option.isNone(stored)) return "Duplicate"
      if (id !== null) onDelivered(id, notification)
      return "Accepted"
    })

const millisUntil = (instant: DateTime.Utc): Effect.Effect<number> =>
  Effect.map(Clock.currentTimeMillis, (now) => Math.max(0, DateTime.toEpochMillis(instant) - now))
