/** What a worker knows of the database's outages: writes come first after one, and rows of other workers wait for a grace. */
import { monotonicNow } from "@effect-ciba/core/unstable/wait"
import { Effect, Schedule } from "effect"
import type { SqlError } from "effect/sql"

export interface DatabaseOutage {
  /** Repeats a write until it is done. */
  readonly untilWritten: <A>(write: Effect.Effect<A, SqlError.SqlError>) => Effect.Effect<A>
  /** Claims, unless a result has to be written first; `takesOver` says whether other workers have had the time to write theirs. */
  readonly claim: <A>(
    claim: (takesOver: boolean) => Effect.Effect<ReadonlyArray<A>, SqlError.SqlError>
  ) => Effect.Effect<ReadonlyArray<A>, SqlError.SqlError>
  /** Assumes that there was one until now. */
  readonly assume: Effect.Effect<void>
}

/** What other workers have to write what they hold, in milliseconds: they try every half second. */
const grace = 5000

export const make = (): DatabaseOutage => {
  let unwritten = 0
  let healthySince: number | undefined = Number.NEGATIVE_INFINITY
  let isReported = false

  /** One warning for each outage: when it begins or ends, some statements succeed and others do not. */
  const record = ({ message }: SqlError.SqlError): Effect.Effect<void> =>
    Effect.flatMap(monotonicNow, (now) => {
      const isKnown = isReported && (healthySince === undefined || now - healthySince < grace)
      healthySince = undefined
      isReported = true
      return isKnown
        ? Effect.void
        : Effect.logWarning(`the database cannot be used, and nothing is polled until it can: ${message}`)
    })

  const assume = Effect.map(monotonicNow, (now) => {
    healthySince = now
  })

  const repeat = <A>(write: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A> =>
    Effect.suspend(() => {
      unwritten += 1
      return Effect.retry(write, Schedule.spaced("500 millis"))
    }).pipe(
      Effect.orDie,
      Effect.ensuring(
        Effect.sync(() => {
          unwritten -= 1
        })
      )
    )

  return {
    untilWritten: (write) => Effect.catch(write, (error) => Effect.andThen(record(error), repeat(write))),
    claim: (claim) =>
      Effect.flatMap(monotonicNow, (now) => {
        if (unwritten > 0) return Effect.succeed([])
        const takesOver = healthySince !== undefined && now - healthySince >= grace
        return claim(takesOver).pipe(
          Effect.tapError(record),
          Effect.tap(() => (healthySince === undefined ? assume : Effect.void))
        )
      }),
    assume
  }
}
