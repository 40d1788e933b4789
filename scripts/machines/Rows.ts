// The rows of a run, read and planted.
import { PendingAuthentication } from "@effect-ciba/core"
import { Effect, Predicate, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { storeOptions } from "./Clients.ts"
import type { Row } from "./Evidence.ts"
import * as Log from "./Log.ts"
import { type Configuration, type Mode, modes } from "./Settings.ts"

const prefix = "planted"

/** So many copies of a wait that sleep for an hour are beside the others. */
export const plant = Effect.fnUntraced(function* (count: number) {
  const sql = yield* SqlClient.SqlClient
  const sleep = { wake_at: Math.ceil(Log.now()) + 3_600_000, claimed_at: null, decided_at: null }
  const copies = (table: string, change: object) => sql`
    insert into ${sql(table)}
    select copy.* from ${sql(table)} as wait, generate_series(1, ${count}::int) as number,
      jsonb_populate_record(wait, ${JSON.stringify(change)}::text::jsonb || jsonb_build_object('id', ${prefix}::text || number)) as copy
    where wait.id = (select id from ${sql(table)} where not starts_with(id, ${prefix}) limit 1)`
  yield* copies("poll_wait", sleep)
  yield* copies("poll_authentication", {})
})

export const removePlanted = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  for (const table of ["poll_wait", "poll_authentication"]) {
    yield* sql`delete from ${sql(table)} where starts_with(id, ${prefix})`
    yield* sql`vacuum (full, analyze) ${sql(table)}`
  }
})

export const countUndecided = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const counts = yield* Effect.forEach(
    modes,
    (mode) =>
      sql<{ count: bigint | number }>`select count(*) as count from ${sql(`${mode}_wait`)} where decided_at is null`
  )
  return counts.flat().reduce((sum, { count }) => sum + Number(count), 0)
})

/**
 * How many rows were written so far, and how many bytes of WAL. Statements are counted when they end; what `pg_stat_user_tables` has is up to
 * ten seconds old, by which the begin of an approval would count as a write of a poll. What ends a wait begins with `with`, and no wait ends while
 * these are read.
 */
export const readCosts = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [costs] = yield* sql<{ writes: string; wal: string }>`
    select coalesce(sum(rows), 0)::text as writes, (pg_current_wal_lsn() - '0/0')::text as wal
    from pg_stat_statements where query ~* '^(insert|update|delete)'`
  return { writes: Number(costs?.writes), wal: Number(costs?.wal) }
})

const accessTokenOf = ({ received }: PendingAuthentication.PendingAuthentication): string | undefined => {
  const body = received && Redacted.value(received.body)
  return Predicate.hasProperty(body, "access_token") ? String(body.access_token) : undefined
}

const readMode = Effect.fnUntraced(function* (configuration: Configuration, mode: Mode) {
  const sql = yield* SqlClient.SqlClient
  const { keys } = yield* storeOptions(configuration, mode)
  const rows = yield* sql<{
    id: string
    outcome: string | null
    pending: string
    received_at: number | bigint | null
  }>`
    select id, outcome, pending, received_at from ${sql(`${mode}_wait`)} join ${sql(`${mode}_authentication`)} using (id)`
  return yield* Effect.forEach(rows, ({ id, outcome, pending, received_at }) =>
    Effect.map(
      PendingAuthentication.open(pending, keys, [mode, id]),
      (opened): Row => ({
        id,
        mode,
        authReqId: Redacted.value(opened.authReqId),
        outcome: outcome ?? undefined,
        receivedAt: received_at === null ? undefined : Number(received_at),
        accessToken: accessTokenOf(opened)
      })
    )
  )
})

export const readAll = (configuration: Configuration) =>
  Effect.map(
    Effect.forEach(modes, (mode) => readMode(configuration, mode)),
    (rows) => rows.flat()
  )
