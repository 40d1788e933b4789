/** The tables of the waits. */
import { Effect } from "effect"
import { Migrator, SqlClient, type SqlError } from "effect/sql"

/**
 * The names of the tables. `wait` is small and written twice for each poll; what does not change with each poll is in
 * `authentication`; `approval` has a row for each key of a caller's, `deferred` one for each workflow that waits for one; `notification` has one for each client notification token; `pause`
 * has one row.
 */
export interface Tables {
  readonly wait: string
  readonly authentication: string
  readonly approval: string
  readonly deferred: string
  readonly notification: string
  readonly pause: string
}

export const tablesOf = (prefix: string): Tables => ({
  wait: `${prefix}_wait`,
  authentication: `${prefix}_authentication`,
  approval: `${prefix}_approval`,
  deferred: `${prefix}_deferred`,
  notification: `${prefix}_notification`,
  pause: `${prefix}_pause`
})

/** Creates the tables that are missing. Instants are milliseconds since the epoch, on the clock of the database. */
export const migrate = (
  prefix: string
): Effect.Effect<void, Migrator.MigrationError | SqlError.SqlError, SqlClient.SqlClient> =>
  Effect.asVoid(
    Migrator.make({})({
      loader: Migrator.fromRecord({ "0001_waits": createTables(prefix) }),
      table: `${prefix}_migration`
    })
  )

const createTables = Effect.fnUntraced(function* (
  prefix: string
): Effect.fn.Return<void, SqlError.SqlError, SqlClient.SqlClient> {
  const sql = yield* SqlClient.SqlClient
  const { approval, authentication, deferred, notification, pause, wait } = tablesOf(prefix)
  yield* sql`
    create table ${sql(wait)} (
      id text not null primary key,
      wake_at bigint not null,
      poll_interval bigint not null,
      lease bigint not null,
      claimed_at bigint,
      abandoned_at bigint,
      state text not null,
      notified_at bigint,
      received_at bigint,
      decided_at bigint
    )`
  yield* sql`create index ${sql(`${wait}_due`)} on ${sql(wait)} (wake_at) where decided_at is null`
  yield* sql`create index ${sql(`${wait}_decided`)} on ${sql(wait)} (decided_at) where decided_at is not null`
  yield* sql`
    create table ${sql(authentication)} (
      id text not null primary key,
      pending text not null,
      auth_req_id_hash text not null,
      outcome text,
      subject text,
      acr text,
      result text
    )`
  yield* sql`
    create table ${sql(approval)} (
      key text not null primary key,
      fingerprint text not null,
      attempt text not null,
      started_at bigint not null,
      renewed_at bigint not null,
      id text,
      expires_at bigint
    )`
  yield* sql`create index ${sql(`${approval}_id`)} on ${sql(approval)} (id)`
  yield* sql`create index ${sql(`${approval}_lost`)} on ${sql(approval)} (renewed_at) where id is null`
  yield* sql`create table ${sql(deferred)} (token text not null primary key, key text not null)`
  yield* sql`create index ${sql(`${deferred}_key`)} on ${sql(deferred)} (key)`
  yield* sql`
    create table ${sql(notification)} (
      hash text not null primary key,
      delivery_mode text not null,
      handle text,
      id text,
      expires_at bigint not null,
      notified_at bigint,
      notified_for text,
      body text
    )`
  yield* sql`create index ${sql(`${notification}_id`)} on ${sql(notification)} (id)`
  yield* sql`create index ${sql(`${notification}_expiry`)} on ${sql(notification)} (expires_at)`
  yield* sql`create table ${sql(pause)} (id integer not null primary key, ends_at bigint not null)`
})
