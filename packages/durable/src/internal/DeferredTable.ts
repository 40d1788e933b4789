/** The statements over the table of deferreds that wait for approvals: a row is removed when its deferred has been completed. */
import { Effect } from "effect"
import type { SqlError } from "effect/sql"
import type { DurableDeferred } from "effect/workflow"
import type { Database } from "./WaitTable.ts"

type Call<A> = Effect.Effect<A, SqlError.SqlError>

export interface Row {
  readonly key: string
  readonly token: DurableDeferred.Token
}

export const insert = ({ sql, tables }: Database, { key, token }: Row): Call<void> =>
  Effect.asVoid(sql`
    insert into ${sql(tables.deferred)} (token, key) values (${token}, ${key}) on conflict (token) do nothing`)

export const remove = ({ sql, tables }: Database, token: DurableDeferred.Token): Call<void> =>
  Effect.asVoid(sql`delete from ${sql(tables.deferred)} where token = ${token}`)

export const findOf = ({ sql, tables }: Database, key: string): Call<ReadonlyArray<Row>> =>
  sql<Row>`select key, token from ${sql(tables.deferred)} where key = ${key}`

/** Those whose approval is decided or purged, in the order of their tokens, from one on. */
export const findDue = ({ sql, tables }: Database, after: string, limit: number): Call<ReadonlyArray<Row>> =>
  sql<Row>`
    select deferred.key, deferred.token from ${sql(tables.deferred)} as deferred
    left join ${sql(tables.approval)} as approval on approval.key = deferred.key
    left join ${sql(tables.wait)} as wait on wait.id = approval.id
    where deferred.token > ${after} and (approval.key is null or wait.decided_at is not null)
    order by deferred.token
    limit ${sql.literal(String(limit))}`
