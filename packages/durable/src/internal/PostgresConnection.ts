/** Statements with a time limit: a server that is frozen, or gone without a word, never responds. */
import type { PgConnection } from "@effect/sql-pg"
import { Clock, Duration, Effect, Stream } from "effect"
import { type SqlConnection, SqlError } from "effect/sql"

/**
 * Connections whose statements fail after this time. It is real time, also in a test with a clock of its own, and counted in steps: a process
 * that was itself frozen reads first what has arrived meanwhile.
 */
export const make = (
  limit: Duration.Duration
): ((connection: PgConnection.PgConnection) => SqlConnection.Connection) => {
  const expiry = Effect.sleep(Duration.divideUnsafe(limit, steps)).pipe(
    Effect.repeat({ times: steps - 1 }),
    Effect.provideService(Clock.Clock, Clock.Clock.defaultValue()),
    Effect.andThen(Effect.failSync(() => makeError(limit)))
  )
  return (connection) => toConnection(connection, (statement) => Effect.raceFirst(statement, expiry))
}

type Limit = <A>(statement: Effect.Effect<A, SqlError.SqlError>) => Effect.Effect<A, SqlError.SqlError>

const toConnection = (
  { query, queryValues, stream }: PgConnection.PgConnection,
  within: Limit
): SqlConnection.Connection => {
  const executeBy =
    (prepare: boolean): SqlConnection.Connection["execute"] =>
    (sql, params, transformRows) =>
      Effect.map(within(query(sql, params, prepare)), ({ rows }) => transformRows?.(rows) ?? rows)
  return {
    execute: executeBy(true),
    executeUnprepared: executeBy(false),
    executeRaw: (sql, params) => within(query(sql, params)),
    executeValues: (sql, params) => within(queryValues(sql, params)),
    executeValuesUnprepared: (sql, params) => within(queryValues(sql, params, false)),
    executeStream: (sql, params, transformRows) =>
      Stream.flatMap(stream(sql, params), (row) => Stream.fromIterable(transformRows?.([row]) ?? [row]))
  }
}

const steps = 4

const makeError = (limit: Duration.Duration): SqlError.SqlError => {
  const message = `the server does not respond within ${Duration.format(limit)}`
  const reason = new SqlError.StatementTimeoutError({ cause: new Error(message), message, operation: "execute" })
  return new SqlError.SqlError({ reason })
}
