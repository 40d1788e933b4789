// A database in which something happens once, at the nth of its statements: it fails, before it or after it, or what a test plants.
import { Effect, Layer } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"

export interface Fault {
  readonly nth: number
  /** The statement was never executed, or its response is lost; or what happens while it is executed. */
  readonly when: "before" | "after" | Effect.Effect<unknown>
}

const broken = Effect.fail(new SqlError.SqlError({ reason: new SqlError.ConnectionError({ cause: "planted" }) }))

/** The SQLite of the context, and how to plant a fault; `isDone` says whether it has happened. */
export const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  let fault: Fault | undefined
  let count = 0
  const connection = (real: SqlConnection.Connection): SqlConnection.Connection => {
    // A connection that breaks ends its transaction.
    const abort = Effect.ignore(real.executeUnprepared("rollback", [], undefined))
    const around = <A>(call: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> =>
      Effect.suspend(() => {
        if (fault === undefined || ++count !== fault.nth) return call
        const { when } = fault
        fault = undefined
        if (Effect.isEffect(when)) return Effect.andThen(when, call)
        return Effect.andThen(when === "before" ? abort : Effect.andThen(call, abort), broken)
      })
    return {
      ...real,
      execute: (...call) => around(real.execute(...call)),
      executeUnprepared: (...call) => around(real.executeUnprepared(...call))
    }
  }
  const client = yield* SqlClient.make({
    acquirer: Effect.map(sql.reserve, connection),
    beginTransaction: "begin immediate",
    compiler: Statement.makeCompilerSqlite(),
    isTransaction: () => false,
    driver: "sqlite-node",
    spanAttributes: []
  }).pipe(Effect.provide(Layer.fresh(Reactivity.layer)))
  return {
    client,
    plant: (planted: Fault) =>
      Effect.sync(() => {
        fault = planted
        count = 0
      }),
    isDone: Effect.sync(() => fault === undefined)
  }
})
