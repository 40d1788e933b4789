// Sends authentication requests, and stores what is acknowledged. One that fails is not sent again.
import { Ciba, type PendingAuthentication, UserHint } from "@effect-ciba/core"
import { WaitStore } from "@effect-ciba/durable"
import { Context, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import * as Child from "./Child.ts"
import { clientOf, databaseOf } from "./Clients.ts"
import { hintOf } from "./EndUsers.ts"
import * as Planted from "./Planted.ts"
import { modes, readConfiguration } from "./Settings.ts"

/** So many approvals, within so many seconds. */
export interface Begin {
  readonly count: number
  readonly seconds: number
}

const configuration = readConfiguration()

const program = Effect.gen(function* () {
  const database = yield* Layer.build(databaseOf(configuration.database))
  const sql = Context.get(database, SqlClient.SqlClient)
  const clients = yield* Effect.forEach(modes, (mode) =>
    Layer.build(clientOf(configuration, mode).pipe(Layer.provide(Layer.succeedContext(database))))
  )
  let begun = 0

  const spoil = ({ authReqId }: PendingAuthentication.PendingAuthentication) =>
    sql`insert into poll_notification (hash, expires_at) values (${Redacted.value(authReqId)}, ${Number.MAX_SAFE_INTEGER})`

  const beginOne = Effect.suspend(() => {
    const number = begun++
    const request = {
      scope: ["openid"],
      hint: UserHint.login(hintOf(Math.floor(number / modes.length))),
      bindingMessage: `A${number}`
    } as const
    const ask = Ciba.initiate(request).pipe(
      Effect.tap((pending) => WaitStore.WaitStore.use((store) => store.insert(pending)))
    )
    const asked = Planted.isPlanted(configuration, "asked twice") && number % 50 === 0 ? Effect.andThen(ask, ask) : ask
    const stored = Planted.isPlanted(configuration, "in clear") ? Effect.tap(asked, spoil) : asked
    const client = clients[number % clients.length]
    return client === undefined ? Effect.void : Effect.ignore(Effect.provide(stored, client))
  })

  const begin = ({ count, seconds }: Begin) =>
    Effect.forEach(
      Array.from({ length: count }),
      (_, number) => Effect.delay(beginOne, (number * seconds * 1000) / count),
      { concurrency: seconds === 0 ? 8 : "unbounded", discard: true }
    )
  const run = Effect.runForkWith(yield* Effect.context())
  Child.listen((order: Begin) =>
    run(Effect.tap(begin(order), () => Effect.sync(() => Child.report({ type: "answer", value: begun }))))
  )
  Child.report({ type: "ready", value: undefined })
  return yield* Effect.never
})

Child.runMain(Effect.scoped(program))
