// The store of the workers over the statements, as `WaitStore` calls them. What is sealed there is a word here.
import { PendingAuthentication, type TokenResponse, type Transport } from "@effect-ciba/core"
import { StoredWait, Wait } from "@effect-ciba/core/unstable/wait"
import { Effect, Option } from "effect"
import type { Claim } from "../../../packages/durable/src/WaitStore.ts"
import { none, type Operation, operation, type Rows } from "./Rows.ts"
import { makePending, received, type Setting, termsOf, timeout } from "./Setting.ts"
import type { Functions, Held } from "./World.ts"

export interface Store {
  /** The rows after the insertion. */
  readonly rows: Rows
  readonly claim: Operation<null, ReadonlyArray<Claim>>
  readonly report: Operation<{ readonly held: Held; readonly saved: StoredWait.Saved; readonly wakeAt: number }, void>
  readonly receive: Operation<{ readonly held: Held; readonly saved: StoredWait.Saved }, Option.Option<Held>>
  readonly decide: Operation<{ readonly held: Held; readonly outcome: Wait.Outcome }, boolean>
  readonly ping: Operation<null, void>
  readonly push: Operation<null, void>
  readonly refuse: Operation<null, void>
  readonly cancel: Operation<null, boolean>
}

const withTokens = "tokens"

export const makeStore = ({ table }: Functions, setting: Setting): Store => {
  const pending = makePending(setting)
  const pushed = PendingAuthentication.update(pending, { received })
  const stateOf = (saved: StoredWait.Saved) => StoredWait.progressOf(saved, table.noOffset)
  const read = ({ pending: sealed, state, ...row }: Effect.Success<ReturnType<typeof table.claim>>[number]) =>
    Effect.gen(function* () {
      const wait = yield* table.decodeState(state)
      const stored = PendingAuthentication.update(sealed === withTokens ? pushed : pending, { wait })
      const saved = yield* StoredWait.get(stored, table.noOffset)
      return saved === undefined ? [] : [{ ...row, pending: stored, saved }]
    }).pipe(Effect.orDie)
  const begin = operation((database) => {
    const terms = termsOf(setting.delivery, "")
    const [state] = Wait.start<TokenResponse.TokenResponse, Transport.TransportError>(
      terms,
      StoredWait.start(pending, table.noOffset, true),
      0
    )
    return table.insert(
      database,
      {
        id: pending.id,
        lease: 0,
        wakeAt: Wait.wakeAt(state) ?? setting.deadline,
        interval: state.interval,
        state: stateOf(Wait.snapshot(state))
      },
      { pending: "sealed", authReqIdHash: "hash", receivedAt: undefined }
    )
  })
  const [, rows] = begin(none, 0, null)
  return {
    rows,
    claim: operation((database) =>
      Effect.flatMap(table.claim(database, { limit: 1, timeout, takesOver: true }), (found) =>
        Effect.map(Effect.forEach(found, read), (claims) => claims.flat())
      )
    ),
    report: operation((database, { held: { id, lease }, saved, wakeAt }) =>
      table.report(database, [{ id, lease, wakeAt, interval: saved.interval, state: stateOf(saved) }])
    ),
    receive: operation((database, { held, saved }) =>
      Effect.map(
        table.receive(database, { id: held.id, state: stateOf(saved) }, withTokens, timeout),
        Option.map((lease) => ({ ...held, ...lease, hasTokens: true }))
      )
    ),
    decide: operation((database, { held, outcome }) => table.decide(database, held, { outcome })),
    ping: operation((database) => table.recordPing(database, pending.id)),
    push: operation((database) =>
      Effect.flatMap(Effect.orDie(StoredWait.get(pushed, table.noOffset)), (saved) =>
        saved === undefined
          ? Effect.void
          : table.recordPush(database, { id: pending.id, state: stateOf(saved) }, withTokens)
      )
    ),
    cancel: operation((database) => table.cancel(database, pending.id)),
    refuse: operation((database) => table.refuse(database, pending.id, "error"))
  }
}
