/** The statements over the table of notifications: one row for each client notification token, which is there before its wait. */
import { Effect, Option } from "effect"
import type { SqlError } from "effect/sql"
import { type Database, withNow } from "./WaitTable.ts"

type Call<A> = Effect.Effect<A, SqlError.SqlError>

/** The modes in which a provider notifies. */
export type DeliveryMode = "ping" | "push"

/** A token that is expected. */
export interface Expected {
  readonly hash: string
  readonly deliveryMode: DeliveryMode
  /** The hash of the `auth_req_id`; `null` before the acknowledgement. */
  readonly handle: string | null
  /** The wait; `null` before the acknowledgement. */
  readonly id: string | null
  readonly isNotified: boolean
}

/** How long a row is kept beyond its expiry, in milliseconds: its wait may be inserted later. */
const retention = 3_600_000

/** Expects a notification for so many milliseconds; `false` if another request has the token. */
export const expect = (
  database: Database,
  { deliveryMode, hash }: Pick<Expected, "deliveryMode" | "hash">,
  millis: number
): Call<boolean> => {
  const { sql, tables } = database
  const table = sql(tables.notification)
  return withNow(database, (now) => {
    const sweep = sql`delete from ${table} where expires_at < ${now} - ${sql.literal(String(retention))}`
    const insert = sql`
      insert into ${table} (hash, delivery_mode, expires_at)
      values (${hash}, ${deliveryMode}, ${now} + ${sql.literal(String(Math.ceil(millis)))})
      on conflict (hash) do nothing
      returning hash`
    return Effect.map(Effect.andThen(sweep, insert), (rows) => rows.length > 0)
  })
}

/** A token with its wait, and for how many milliseconds it is expected. */
export interface Acknowledged extends Pick<Expected, "deliveryMode" | "hash"> {
  readonly handle: string
  readonly id: string
  readonly millis: number
}

/** Ties a token to its wait. A notification that has come before for another `auth_req_id` is none. */
export const acknowledge = (
  database: Database,
  { deliveryMode, handle, hash, id, millis }: Acknowledged
): Call<void> => {
  const { sql, tables } = database
  return withNow(database, (now) =>
    Effect.asVoid(sql`
      insert into ${sql(tables.notification)} as known (hash, delivery_mode, handle, id, expires_at)
      values (${hash}, ${deliveryMode}, ${handle}, ${id}, ${now} + ${sql.literal(String(Math.ceil(millis)))})
      on conflict (hash) do update set handle = excluded.handle, id = excluded.id, expires_at = excluded.expires_at,
        notified_at = case when known.notified_for = excluded.handle then known.notified_at end,
        body = case when known.notified_for = excluded.handle then known.body end
      where known.id is null`)
  )
}

/** The row of a token, by its hash under any of the keys. */
export const find = (database: Database, hashes: ReadonlyArray<string>): Call<Option.Option<Expected>> => {
  const { sql, tables } = database
  return withNow(database, (now) =>
    Effect.map(
      sql<Omit<Expected, "isNotified"> & { readonly notified_at: unknown }>`
        select hash, delivery_mode as "deliveryMode", handle, id, notified_at from ${sql(tables.notification)}
        where ${sql.in("hash", hashes)} and expires_at > ${now}`,
      ([row]) =>
        Option.map(Option.fromUndefinedOr(row), ({ notified_at, ...expected }) => ({
          ...expected,
          isNotified: notified_at !== null
        }))
    )
  )
}

/** What is stored of a notification, and the hashes of its `auth_req_id` by each of the keys. */
export interface SealedNotification extends Pick<Expected, "handle" | "hash"> {
  readonly known: ReadonlyArray<string>
  readonly body: string
}

/**
 * Stores the first notification of a token. Succeeds with the wait that it is for, if that is known; none for a repeated one, and for one that is
 * not for the `auth_req_id` which was acknowledged meanwhile.
 */
export const notify = (
  database: Database,
  { body, handle, hash, known }: SealedNotification
): Call<Option.Option<{ readonly id: string | null }>> => {
  const { sql, tables } = database
  return withNow(database, (now) =>
    Effect.map(
      sql<{ id: string | null }>`
        update ${sql(tables.notification)} set notified_at = ${now}, notified_for = ${handle}, body = ${body}
        where hash = ${hash} and notified_at is null and (handle is null or ${sql.in("handle", known)})
        returning id`,
      ([row]) => Option.fromUndefinedOr(row)
    )
  )
}

/** The token of a wait, and the sealed body of the notification that has come. */
export interface Notified extends Pick<Expected, "deliveryMode" | "hash"> {
  readonly body: string | null
}

/** What is known of the notification of a wait; none if none is expected. */
export const findOf = ({ sql, tables }: Database, id: string): Call<Option.Option<Notified>> =>
  Effect.map(
    sql<Notified>`select hash, delivery_mode as "deliveryMode", body from ${sql(tables.notification)} where id = ${id}`,
    ([row]) => Option.fromUndefinedOr(row)
  )

/** Expects no notification any more. */
export const remove = ({ sql, tables }: Database, hashes: ReadonlyArray<string>): Call<void> =>
  Effect.asVoid(sql`delete from ${sql(tables.notification)} where ${sql.in("hash", hashes)}`)
