/** Statements with a time limit: a server that is frozen, or gone without a word, never responds. */
import { Clock, Duration, Effect } from "effect"
import { type SqlConnection, SqlError } from "effect/sql"

/**
 * A connection whose statements fail after this time. It is real time, also in a test with a clock of its own, and counted in steps: a process
 * that was itself frozen reads first what has arrived meanwhile.
 */
export const make = (connection: SqlConnection.Connection, limit: Duration.Duration): SqlConnection.Connection => {
  const expiry = Effect.sleep(Duration.divideUnsafe(limit, steps)).pipe(
    Effect.repeat({ times: steps - 1 }),
    Effect.provideService(Clock.Clock, Clock.Clock.defaultValue()),
    Effect.andThen(Effect.fail(makeError(limit)))
  )
  const within = <A>(statement: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> =>
    Effect.raceFirst(statement, expiry)
  return {
    execute: (...call) => within(connection.execute(...call)),
    executeRaw: (...call) => within(connection.executeRaw(...call)),
    executeValues: (...call) => within(connection.executeValues(...call)),
    executeValuesUnprepared: (...call) => within(connection.executeValuesUnprepared(...call)),
    executeUnprepared: (...call) => within(connection.executeUnprepared(...call)),
    executeStream: (...call) => connection.executeStream(...call)
  }
}

const steps = 4

const makeError = (limit: Duration.Duration): SqlError.SqlError => {
  const message = `the server does not respond within ${Duration.format(limit)}`
  const reason = new SqlError.StatementTimeoutError({ cause: new Error(message), message, operation: "execute" })
  return new SqlError.SqlError({ reason })
}
