/** The statements over the table of approvals: one row for each key of a caller's, which is there before the request is sent. */
import type { Wait } from "@effect-ciba/core/unstable/wait"
import { Effect, Option } from "effect"
import type { SqlError, Statement } from "effect/sql"
import { type Database, type Int64, withNow } from "./WaitTable.ts"

type Call<A> = Effect.Effect<A, SqlError.SqlError>

/** An approval, and its wait as soon as the request was acknowledged. Instants are milliseconds on the clock of the database. */
export interface Row {
  readonly key: string
  readonly fingerprint: string
  readonly startedAt: number
  /** How long ago the process that sends the request has shown that it lives. */
  readonly age: number
  readonly id: string | null
  readonly expiresAt: number | undefined
  readonly authReqIdHash: string | null
  readonly outcome: Wait.Outcome | null
  readonly decidedAt: number | undefined
  readonly subject: string | null
  readonly acr: string | null
}

/** A row, and the call that has begun it: no other one may free its key. */
export interface Attempt {
  readonly key: string
  /** A random text that no other row has. */
  readonly attempt: string
}

/** `false` if the key has a row. */
export const begin = (database: Database, { attempt, key }: Attempt, fingerprint: string): Call<boolean> => {
  const { sql, tables } = database
  return withNow(database, (now) =>
    Effect.map(
      sql`
        insert into ${sql(tables.approval)} (key, fingerprint, attempt, started_at, renewed_at)
        values (${key}, ${fingerprint}, ${attempt}, ${now}, ${now})
        on conflict (key) do nothing
        returning key`,
      (rows) => rows.length > 0
    )
  )
}

/** The process that sends the request lives. */
export const renew = (database: Database, { attempt, key }: Attempt): Call<void> => {
  const { sql, tables } = database
  return withNow(database, (now) =>
    Effect.asVoid(
      sql`update ${sql(tables.approval)} set renewed_at = ${now} where key = ${key} and attempt = ${attempt} and id is null`
    )
  )
}

/** Ties an approval to its wait, which expires in so many milliseconds. */
export const acknowledge = (database: Database, { attempt, key }: Attempt, id: string, millis: number): Call<void> => {
  const { sql, tables } = database
  const left = sql.literal(String(Math.ceil(millis)))
  return withNow(database, (now) =>
    Effect.asVoid(sql`
      update ${sql(tables.approval)} set id = ${id}, expires_at = ${now} + ${left}
      where key = ${key} and attempt = ${attempt} and id is null`)
  )
}

/** Frees the key of an approval that was never acknowledged. */
export const remove = ({ sql, tables }: Database, { attempt, key }: Attempt): Call<void> =>
  Effect.asVoid(sql`delete from ${sql(tables.approval)} where key = ${key} and attempt = ${attempt} and id is null`)

export const find = (database: Database, key: string): Call<Option.Option<Row>> =>
  Effect.map(
    select(database, (sql) => sql`approval.key = ${key}`),
    ([row]) => Option.fromUndefinedOr(row)
  )

/** What was decided in the last so many milliseconds. */
export const findDecided = (database: Database, millis: number): Call<ReadonlyArray<Row>> =>
  select(database, (sql, now) => sql`wait.decided_at > ${now} - ${sql.literal(String(Math.ceil(millis)))}`)

interface Selected {
  readonly key: string
  readonly fingerprint: string
  readonly started_at: Int64
  readonly age: Int64
  readonly id: string | null
  readonly expires_at: Int64 | null
  readonly auth_req_id_hash: string | null
  readonly outcome: Wait.Outcome | null
  readonly decided_at: Int64 | null
  readonly subject: string | null
  readonly acr: string | null
}

const select = (
  database: Database,
  where: (sql: Database["sql"], now: Statement.Fragment) => Statement.Fragment
): Call<ReadonlyArray<Row>> => {
  const { sql, tables } = database
  return withNow(database, (now) =>
    Effect.map(
      sql<Selected>`
        select approval.key, approval.fingerprint, approval.started_at, ${now} - approval.renewed_at as age, approval.id,
          approval.expires_at, authentication.auth_req_id_hash, authentication.outcome, authentication.subject,
          authentication.acr, wait.decided_at
        from ${sql(tables.approval)} as approval
        left join ${sql(tables.authentication)} as authentication on authentication.id = approval.id
        left join ${sql(tables.wait)} as wait on wait.id = approval.id
        where ${where(sql, now)}`,
      (rows) => rows.map(toRow)
    )
  )
}

const toRow = ({
  age,
  auth_req_id_hash: authReqIdHash,
  decided_at,
  expires_at,
  started_at,
  ...row
}: Selected): Row => ({
  ...row,
  authReqIdHash,
  age: Number(age),
  startedAt: Number(started_at),
  expiresAt: expires_at === null ? undefined : Number(expires_at),
  decidedAt: decided_at === null ? undefined : Number(decided_at)
})
