/** The statements over the tables of the waits, for both databases. What is sealed is text to them. */
import { type StoredWait, type Wait, WaitProgress } from "@effect-ciba/core/unstable/wait"
import { Duration, Effect, Option, Schema } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import { DatabaseClock } from "./DatabaseClock.ts"
import type { Tables } from "./Migrations.ts"
import { transact } from "./Transaction.ts"

/** How long after a claim its poll may be sent. */
export const claimLifetime: Duration.Duration = Duration.seconds(3)

/** What a lease lasts beyond the interval or the time limit of a poll: the use of its claim, and the write of what came of it. */
export const leaseReserve: Duration.Duration = Duration.sum(claimLifetime, Duration.seconds(2))

/** The instants of a stored wait are dates already. */
export const noOffset: StoredWait.Offset = { least: 0, most: 0 }

/** The part of a row that each poll changes. */
const Row = Schema.Struct({
  id: Schema.String,
  lease: Schema.Number,
  wakeAt: Schema.Number,
  interval: Schema.Number,
  /** The state of the wait as JSON text. */
  state: Schema.fromJsonString(Schema.toCodecJson(WaitProgress))
})

export type Row = typeof Row.Type

export const decodeState: (text: string) => Effect.Effect<WaitProgress, Schema.SchemaError> = Schema.decodeEffect(
  Row.fields.state
)

const encodeState = Schema.encodeSync(Row.fields.state)

const encodeRows = Schema.encodeSync(Schema.fromJsonString(Schema.Array(Row)))

/** A lease, and when it was given. */
export interface Lease {
  readonly lease: number
  readonly claimedAt: number
}

export interface ClaimedRow extends Lease {
  readonly id: string
  readonly abandonedAt: number | undefined
  /** When a ping came that no poll may have been sent after. */
  readonly notifiedAt: number | undefined
  readonly state: string
  readonly pending: string
}

/**
 * What is claimed.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface ClaimOptions {
  readonly limit: number
  /** The time limit of a poll, in milliseconds. */
  readonly timeout: number
  /** Whether rows are claimed whose last claim was never reported. */
  readonly takesOver: boolean
}

/** What the statements need. */
export interface Database {
  readonly sql: SqlClient.SqlClient
  readonly tables: Tables
}

type Call<A> = Effect.Effect<A, SqlError.SqlError>

/** PostgreSQL gives integers of 64 bits as bigint. */
export type Int64 = number | bigint

export const withNow = <A>({ sql }: Database, use: (now: Statement.Fragment) => Call<A>): Call<A> =>
  DatabaseClock.use((clock) => Effect.flatMap(clock(sql), use))

/** The current instant. */
export const readNow = (database: Database): Call<number> =>
  withNow(database, (now) =>
    Effect.map(database.sql<{ now: Int64 }>`select ${now} as now`, (rows) => Number(rows[0]?.now))
  )

/** What is stored of an authentication once. */
export interface Authentication {
  /** Sealed. */
  readonly pending: string
  readonly authReqIdHash: string
  readonly receivedAt: number | undefined
}

/** A row that is there already is left as it is. */
export const insert = (
  { sql, tables }: Database,
  { id, interval, lease, state, wakeAt }: Row,
  { authReqIdHash, pending, receivedAt }: Authentication
): Call<void> =>
  transact(
    sql,
    Effect.andThen(
      sql`
        insert into ${sql(tables.wait)} (id, wake_at, poll_interval, lease, state, received_at)
        values (${id}, ${wakeAt}, ${interval}, ${lease}, ${encodeState(state)}, ${receivedAt ?? null})
        on conflict (id) do nothing`,
      Effect.asVoid(sql`
        insert into ${sql(tables.authentication)} (id, pending, auth_req_id_hash)
        values (${id}, ${pending}, ${authReqIdHash})
        on conflict (id) do nothing`)
    )
  )

/** `wake_at` of a claimed row is the end of its lease. */
const leaseEnd = (sql: SqlClient.SqlClient, now: Statement.Fragment, timeout: number): Statement.Fragment => {
  const used = sql.literal(String(Math.ceil(timeout)))
  const beyond = sql.literal(String(Duration.toMillis(leaseReserve)))
  return sql`${now} + ${beyond} + case when poll_interval < ${used} then ${used} else poll_interval end`
}

export const claim = (
  database: Database,
  { limit, takesOver, timeout }: ClaimOptions
): Call<ReadonlyArray<ClaimedRow>> => {
  const { sql, tables } = database
  const skipLocked = sql.literal(sql.onDialectOrElse({ pg: () => "for update skip locked", orElse: () => "" }))
  const unclaimed = sql.literal(takesOver ? "" : "and claimed_at is null")
  const wait = sql(tables.wait)
  return withNow(database, (now) =>
    Effect.map(
      sql<{
        id: string
        lease: Int64
        claimed_at: Int64
        abandoned_at: Int64 | null
        notified_at: Int64 | null
        state: string
        pending: string
      }>`
        update ${wait}
        set abandoned_at = case when claimed_at is not null then coalesce(abandoned_at, claimed_at) end,
          claimed_at = ${now}, lease = lease + 1, wake_at = ${leaseEnd(sql, now, timeout)}
        where id in (
          select id from ${wait}
          where decided_at is null and wake_at <= ${now} ${unclaimed}
            and not exists (select 1 from ${sql(tables.pause)} where ends_at > ${now})
          order by wake_at
          limit ${sql.literal(String(limit))}
          ${skipLocked}
        )
        returning id, lease, claimed_at, abandoned_at, notified_at, state, (
          select pending from ${sql(tables.authentication)} as authentication where authentication.id = ${wait}.id
        ) as pending`,
      (rows) =>
        rows.map(({ abandoned_at, claimed_at, id, lease, pending, notified_at, state }) => ({
          id,
          lease: Number(lease),
          claimedAt: Number(claimed_at),
          abandonedAt: abandoned_at === null ? undefined : Number(abandoned_at),
          notifiedAt: notified_at === null ? undefined : Number(notified_at),
          state,
          pending
        }))
    )
  )
}

/**
 * Ends the leases of all rows in one statement, whose text is the same for any number of them. A row that was notified of a ping since its claim
 * is due at once.
 */
export const report = ({ sql, tables }: Database, rows: ReadonlyArray<Row>): Call<void> => {
  const json = encodeRows(rows)
  const reported = sql.onDialectOrElse({
    pg: () => sql`
      json_to_recordset(${json}::text::json) as reported(id text, lease bigint, "wakeAt" bigint, "interval" bigint, state text)`,
    orElse: () => sql`(
      select value ->> 'id' as id, value ->> 'lease' as lease, value ->> 'wakeAt' as "wakeAt",
        value ->> 'interval' as "interval", value ->> 'state' as state
      from json_each(${json})
    ) as reported`
  })
  return Effect.asVoid(sql`
    update ${sql(tables.wait)} as wait
    set wake_at = case when wait.notified_at >= wait.claimed_at then 0 else reported."wakeAt" end,
      notified_at = case when wait.notified_at >= wait.claimed_at then wait.notified_at end,
      poll_interval = reported."interval", state = reported.state, claimed_at = null
    from ${reported}
    where wait.id = reported.id and wait.lease = reported.lease and wait.claimed_at is not null`)
}

/**
 * Changes a row of the waits, and with it the one of its authentication; neither, if the change finds none. On PostgreSQL it is one statement:
 * a transaction is four round trips.
 */
const changeBoth = <A extends object>(
  { sql, tables }: Database,
  id: string,
  change: Statement.Statement<A>,
  values: Statement.Fragment
): Call<Option.Option<A>> => {
  const store = (condition: Statement.Fragment) =>
    sql`update ${sql(tables.authentication)} set ${values} where id = ${id} ${condition}`
  const changed = sql.onDialectOrElse({
    pg: () => sql<A>`
      with changed as (${change}), stored as (${store(sql`and exists (select 1 from changed)`)})
      select * from changed`,
    orElse: () =>
      transact(
        sql,
        Effect.tap(change, (rows) => (rows.length === 0 ? Effect.void : Effect.asVoid(store(sql.literal("")))))
      )
  })
  return Effect.map(changed, ([row]) => Option.fromUndefinedOr(row))
}

/** Takes the lease, whichever worker has it, and any outcome: unless there is a response already. */
export const receive = (
  database: Database,
  { id, state }: Pick<Row, "id" | "state">,
  pending: string,
  timeout: number
): Call<Option.Option<Lease>> => {
  const { sql, tables } = database
  return withNow(database, (now) => {
    const take = sql<{ lease: Int64; claimed_at: Int64 }>`
      update ${sql(tables.wait)}
      set lease = lease + 1, claimed_at = ${now}, wake_at = ${leaseEnd(sql, now, timeout)}, received_at = ${now},
        decided_at = null, state = ${encodeState(state)}
      where id = ${id} and received_at is null
      returning lease, claimed_at`
    return Effect.map(
      changeBoth(database, id, take, sql`pending = ${pending}, outcome = null, result = null`),
      Option.map(({ claimed_at, lease }) => ({ lease: Number(lease), claimedAt: Number(claimed_at) }))
    )
  })
}

/** A ping has come: the row is due, before all that is overdue, or will be when its claim is reported. */
export const recordPing = (database: Database, id: string): Call<void> => {
  const { sql, tables } = database
  return withNow(database, (now) =>
    Effect.asVoid(sql`
      update ${sql(tables.wait)}
      set notified_at = ${now}, wake_at = case when claimed_at is null then 0 else wake_at end
      where id = ${id} and decided_at is null`)
  )
}

/** The sealed authentication of a row. */
export const readPending = ({ sql, tables }: Database, id: string): Call<Option.Option<string>> =>
  Effect.map(sql<{ pending: string }>`select pending from ${sql(tables.authentication)} where id = ${id}`, ([row]) =>
    Option.map(Option.fromUndefinedOr(row), ({ pending }) => pending)
  )

/** A push has brought a response: whichever worker is next verifies it, in place of an outcome without tokens. */
export const recordPush = (
  database: Database,
  { id, state }: Pick<Row, "id" | "state">,
  pending: string
): Call<void> => {
  const { sql, tables } = database
  return withNow(database, (now) => {
    const take = sql<{ id: string }>`
      update ${sql(tables.wait)}
      set lease = lease + 1, claimed_at = null, wake_at = 0, received_at = ${now}, decided_at = null,
        state = ${encodeState(state)}
      where id = ${id} and received_at is null
      returning id`
    return Effect.asVoid(changeBoth(database, id, take, sql`pending = ${pending}, outcome = null, result = null`))
  })
}

/** A push has brought an error: it ends the wait, whichever worker has it. */
export const refuse = (database: Database, id: string, result: string): Call<void> => {
  const { sql, tables } = database
  const outcome: Wait.Outcome = "Refused"
  return withNow(database, (now) => {
    const end = sql<{ id: string }>`
      update ${sql(tables.wait)} set decided_at = ${now}, claimed_at = null, lease = lease + 1
      where id = ${id} and decided_at is null and received_at is null
      returning id`
    return Effect.asVoid(changeBoth(database, id, end, sql`outcome = ${outcome}, result = ${result}`))
  })
}

/** How a wait has ended, and who approved. */
export interface Decided {
  readonly outcome: Wait.Outcome
  /** Sealed. */
  readonly result?: string | undefined
  readonly subject?: string | undefined
  readonly acr?: string | undefined
}

/** Ends a wait under its lease; `false` if another worker has it. */
export const decide = (
  database: Database,
  { id, lease }: Pick<Row, "id" | "lease">,
  { acr, outcome, result, subject }: Decided
): Call<boolean> => {
  const { sql, tables } = database
  const values = sql`
    outcome = ${outcome}, result = ${result ?? null}, subject = ${subject ?? null}, acr = ${acr ?? null}`
  return withNow(database, (now) => {
    const end = sql<{ id: string }>`
      update ${sql(tables.wait)} set decided_at = ${now}, claimed_at = null
      where id = ${id} and lease = ${lease} and claimed_at is not null
      returning id`
    return Effect.map(changeBoth(database, id, end, values), Option.isSome)
  })
}

/** Ends a wait that no poll is in flight for, and that has no tokens; `false` for any other. */
export const cancel = (database: Database, id: string): Call<boolean> => {
  const { sql, tables } = database
  const outcome: Wait.Outcome = "Cancelled"
  return withNow(database, (now) => {
    const end = sql<{ id: string }>`
      update ${sql(tables.wait)} set decided_at = ${now}, claimed_at = null, lease = lease + 1
      where id = ${id} and decided_at is null and received_at is null and (claimed_at is null or wake_at <= ${now})
      returning id`
    return Effect.map(changeBoth(database, id, end, sql`outcome = ${outcome}`), Option.isSome)
  })
}

/** A pause is only ever made longer. */
export const pause = (database: Database, millis: number): Call<void> => {
  const { sql, tables } = database
  return withNow(database, (now) =>
    Effect.asVoid(sql`
      insert into ${sql(tables.pause)} as pause (id, ends_at) values (1, ${now} + ${sql.literal(String(Math.ceil(millis)))})
      on conflict (id) do update set ends_at = excluded.ends_at where pause.ends_at < excluded.ends_at`)
  )
}

/**
 * Deletes waits that were decided so many milliseconds ago, with all that belongs to them, and approvals whose acknowledgement was lost
 * as long ago. Succeeds with how many waits these were.
 */
export const purge = (database: Database, millis: number, limit: number): Call<number> => {
  const { sql, tables } = database
  const before = (now: Statement.Fragment) => sql`${now} - ${sql.literal(String(Math.ceil(millis)))}`
  const old = withNow(
    database,
    (now) => sql<{ id: string }>`
      select id from ${sql(tables.wait)} where decided_at < ${before(now)}
      limit ${sql.literal(String(limit))}`
  )
  const removeLost = withNow(
    database,
    (now) => sql`delete from ${sql(tables.approval)} where id is null and renewed_at < ${before(now)}`
  )
  const removeOld = (ids: ReadonlyArray<string>) =>
    Effect.forEach(
      [tables.approval, tables.notification, tables.authentication, tables.wait],
      (table) => sql`delete from ${sql(table)} where ${sql.in("id", ids)}`,
      { discard: true }
    )
  return transact(
    sql,
    Effect.gen(function* () {
      yield* removeLost
      const ids = (yield* old).map(({ id }) => id)
      if (ids.length > 0) yield* removeOld(ids)
      return ids.length
    })
  )
}

/** How a wait has ended, and what is sealed of it. */
export interface Sealed {
  readonly outcome: Wait.Outcome
  readonly result: string | null
}

/** The outcome of a wait that has ended. */
export const find = ({ sql, tables }: Database, id: string): Call<Option.Option<Sealed>> =>
  Effect.map(
    sql<Sealed>`select outcome, result from ${sql(tables.authentication)} where id = ${id} and outcome is not null`,
    ([row]) => Option.fromUndefinedOr(row)
  )
