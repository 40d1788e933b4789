/**
 * Waits as rows of a database: any worker claims what is due, and reports what came of it. No worker owns a wait.
 *
 * **When to use**
 *
 * Where approvals must outlive any process, and several of them work at once. One process with a `PendingStore` needs less.
 *
 * **Details**
 *
 * - A claim is the write before the poll: it permits one poll, within `claimLifetime`. Its lease number is what a report is
 *   accepted under. What was never reported is due again when the lease ends: after the interval, or the time limit of a
 *   request if that is longer, and what a claim may have been used for until then.
 * - A token response is written whatever has become of the lease, and in place of an outcome without tokens.
 * - Every instant is on the clock of the database.
 * - The authentication, its token response and the result are sealed, each for its row.
 *
 * **Gotchas**
 *
 * - The tables of a prefix belong to one client.
 *
 * **Example** (What is due)
 *
 * ```ts
 * import { PendingAuthentication, Sealing } from "@effect-ciba/core"
 * import { SqliteDatabase, WaitStore } from "@effect-ciba/durable"
 * import { DateTime, Duration, Effect, Redacted } from "effect"
 *
 * const pending = PendingAuthentication.PendingAuthentication.make({
 *   version: 1,
 *   id: "k2yXc0wZ3qLr8vTn",
 *   issuer: "https://op.example.com",
 *   clientId: "bank-app",
 *   authReqId: Redacted.make(PendingAuthentication.AuthReqId.make("1c266114"), { label: "auth_req_id" }),
 *   deliveryMode: "poll",
 *   expiresAt: DateTime.makeUnsafe("2100-01-01T00:00:00Z"),
 *   interval: Duration.zero,
 *   scope: ["openid"],
 *   expectations: {}
 * })
 *
 * const program = Effect.gen(function* () {
 *   const store = yield* WaitStore.make({ keys: [yield* Sealing.generate("2030-01")] })
 *   yield* store.insert(pending)
 *   const claims = yield* store.claim({ limit: 10, timeout: 10_000, takesOver: false })
 *   return claims.map(({ id, lease }) => [id, lease])
 * }).pipe(Effect.provide(SqliteDatabase.layer({ filename: ":memory:" })))
 *
 * await Effect.runPromise(program) // => [["k2yXc0wZ3qLr8vTn", 1]]
 * ```
 */
import type { PendingAuthentication } from "@effect-ciba/core/PendingAuthentication"
import { open, seal, update } from "@effect-ciba/core/PendingAuthentication"
import type * as Sealing from "@effect-ciba/core/Sealing"
import type { TokenError } from "@effect-ciba/core/TokenError"
import type { TokenResponse } from "@effect-ciba/core/TokenResponse"
import type { TransportError } from "@effect-ciba/core/Transport"
import { TokenHash } from "@effect-ciba/core/unstable/jose"
import { makeTermsOf, StoredWait, Wait } from "@effect-ciba/core/unstable/wait"
import { Clock, Context, DateTime, Duration, Effect, Layer, Option } from "effect"
import { type Migrator, SqlClient, type SqlError } from "effect/sql"
import * as Decision from "./internal/Decision.ts"
import * as Migrations from "./internal/Migrations.ts"
import * as NotificationTable from "./internal/NotificationTable.ts"
import * as WaitNotification from "./internal/WaitNotification.ts"
import * as WaitTable from "./internal/WaitTable.ts"
import * as Wakeup from "./internal/Wakeup.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export type { Failure } from "./internal/Failure.ts"
/**
 * @since 0.1.0
 * @stability unstable
 */
export type { DeliveredNotification } from "./internal/WaitNotification.ts"
/**
 * @since 0.1.0
 * @stability unstable
 */
export type { ClaimOptions } from "./internal/WaitTable.ts"

/**
 * None of the keys has sealed what is stored.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type DecryptionFailed = Effect.Error<ReturnType<typeof Sealing.open>>

/**
 * A row that a worker may report on.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Held {
  readonly id: string
  readonly lease: number
}

/**
 * A wait that is due, with the right to poll once.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Claim extends Held {
  /** On the clock of the database, as every instant in `saved`. */
  readonly claimedAt: number
  /** When the first of the claims was made that were never reported, up to this one: each may have been used. */
  readonly abandonedAt: number | undefined
  /** When a ping came that no poll may have been sent after. */
  readonly notifiedAt: number | undefined
  readonly pending: PendingAuthentication
  readonly saved: StoredWait.Saved
}

/**
 * What came of a claim: the state of a wait that goes on.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Progress {
  readonly held: Held
  readonly saved: StoredWait.Saved
  readonly wakeAt: number
}

/**
 * Why a notification could not be stored: the database, or a row that none of the keys has sealed.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type NotifyError = SqlError.SqlError | DecryptionFailed

/**
 * @since 0.1.0
 * @stability unstable
 */
export type { Decision } from "./internal/Decision.ts"

/**
 * The waits of one client.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /** Stores an authentication that was acknowledged, or whose wait another store had. One that is stored already is left as it is. */
  readonly insert: (pending: PendingAuthentication) => Effect.Effect<void, SqlError.SqlError | TokenError>
  /** Claims what is due, the most overdue first; nothing during a pause. A row that cannot be read is skipped, and logged. */
  readonly claim: (options: WaitTable.ClaimOptions) => Effect.Effect<ReadonlyArray<Claim>, SqlError.SqlError>
  /** Stores the state of waits that go on; those whose lease has passed to another worker are left as they are. */
  readonly report: (progress: ReadonlyArray<Progress>) => Effect.Effect<void, SqlError.SqlError>
  /**
   * Stores a token response, which is the `received` of a saved `Verifying`, whichever worker has the lease now. Succeeds
   * with the claim to go on with, unless there is a response already.
   */
  readonly receive: (
    claim: Claim,
    saved: StoredWait.Saved,
    timeout: number
  ) => Effect.Effect<Option.Option<Claim>, SqlError.SqlError>
  /** Ends a wait. `false` if the lease has passed to another worker. */
  readonly decide: (held: Held, decision: Decision.Decision) => Effect.Effect<boolean, SqlError.SqlError>
  /** Ends a wait that no poll is in flight for, and that has no tokens; `false` for any other. Tokens that come later are stored. */
  readonly cancel: (id: string) => Effect.Effect<boolean, SqlError.SqlError>
  /** Nothing is claimed for so many milliseconds, by any worker. */
  readonly pause: (millis: number) => Effect.Effect<void, SqlError.SqlError>
  /**
   * A notification for a wait, or for one that is inserted later: after a ping it is due at once; a push is its token response,
   * which is verified next, or its error, which ends it.
   */
  readonly notify: (
    id: string,
    notification: WaitNotification.DeliveredNotification
  ) => Effect.Effect<void, NotifyError>
  /** Tells a wait of a notification that has come before it. `insert` does; after a transaction around that, it has to be done again. */
  readonly notifyEarly: (id: string) => Effect.Effect<void, SqlError.SqlError>
  /** Waits until `notify` runs in this process. */
  readonly notified: Effect.Effect<void>
  /** The least time between two polls until a ping arrives, in milliseconds. */
  readonly pingFallback: number
  /** Deletes up to `limit` waits that were decided so long ago. Succeeds with how many these were. */
  readonly purge: (retention: Duration.Duration, limit: number) => Effect.Effect<number, SqlError.SqlError>
  /** How a wait ended; none as long as it goes on, and after it was purged. */
  readonly find: (id: string) => Effect.Effect<Option.Option<Decision.Decision>, SqlError.SqlError | DecryptionFailed>
}

/**
 * The waits of one client.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class WaitStore extends Context.Service<WaitStore, Service>()("@effect-ciba/durable/WaitStore") {}

/**
 * How rows are sealed, and where they are.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options {
  /** The first key seals; the others open what was sealed before a rotation. */
  readonly keys: Sealing.Keys
  /** The prefix of the tables' names; `ciba` by default. Each client needs one of its own. */
  readonly prefix?: string | undefined
  /** The least time between two polls until a ping arrives; 30 seconds by default. */
  readonly pingFallback?: Duration.Input | undefined
}

/**
 * How long after a claim its poll may be sent.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const claimLifetime: Duration.Duration = WaitTable.claimLifetime

/**
 * The waits in the database of the context, whose tables are created if they are missing.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = Effect.fnUntraced(function* ({
  keys,
  pingFallback: fallback = "30 seconds",
  prefix = "ciba"
}: Options): Effect.fn.Return<Service, SqlError.SqlError | Migrator.MigrationError, SqlClient.SqlClient> {
  yield* Migrations.migrate(prefix)
  const database: WaitTable.Database = {
    sql: (yield* SqlClient.SqlClient).withoutTransforms(),
    tables: Migrations.tablesOf(prefix)
  }
  const sealPending = (pending: PendingAuthentication) => seal(pending, keys, [prefix, pending.id])
  const wakeup = Wakeup.make()
  const pingFallback = Duration.toMillis(Duration.fromInputUnsafe(fallback))
  const termsOf = makeTermsOf(pingFallback, false)

  const notify = WaitNotification.makeNotify({ database, keys, prefix })
  const notifyEarly = WaitNotification.makeNotifyEarly({ database, keys, prefix }, notify)

  return WaitStore.of({
    notify: (id, notification) => Effect.andThen(notify(id, notification), wakeup.send),
    notifyEarly,
    notified: wakeup.await,
    pingFallback,
    insert: makeInsert({ database, sealPending, termsOf, notifyEarly }),
    claim: (options) =>
      Effect.flatMap(WaitTable.claim(database, options), (rows) =>
        Effect.map(
          Effect.forEach(rows, (row) => orSkip(row, read(row, keys, prefix)), { concurrency: openedAtOnce }),
          (claims) => claims.flat()
        )
      ),
    report: (progress) => (progress.length === 0 ? Effect.void : WaitTable.report(database, progress.map(toRow))),
    receive: Effect.fnUntraced(function* (claim, saved, timeout) {
      const pending = StoredWait.put(claim.pending, saved, WaitTable.noOffset)
      const row = { id: claim.id, state: StoredWait.progressOf(saved, WaitTable.noOffset) }
      const lease = yield* WaitTable.receive(database, row, yield* sealPending(pending), timeout)
      return Option.map(lease, (taken) => ({ ...claim, ...taken, abandonedAt: undefined, pending, saved }))
    }),
    decide: (held, decision) =>
      Effect.flatMap(Decision.seal(decision, keys, [prefix, held.id]), (decided) =>
        WaitTable.decide(database, held, decided)
      ),
    cancel: (id) => WaitTable.cancel(database, id),
    pause: (millis) => WaitTable.pause(database, millis),
    purge: (retention, limit) => WaitTable.purge(database, Duration.toMillis(retention), limit),
    find: Effect.fnUntraced(function* (id) {
      const found = yield* WaitTable.find(database, id)
      return Option.isNone(found) ? Option.none() : Option.some(yield* Decision.open(found.value, keys, [prefix, id]))
    })
  })
})

/**
 * The waits in the database of the context, whose tables are created if they are missing.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (
  options: Options
): Layer.Layer<WaitStore, SqlError.SqlError | Migrator.MigrationError, SqlClient.SqlClient> =>
  Layer.effect(WaitStore, make(options))

const makeInsert = ({
  database,
  notifyEarly,
  sealPending,
  termsOf
}: {
  readonly database: WaitTable.Database
  readonly notifyEarly: WaitNotification.NotifyEarly
  readonly sealPending: (pending: PendingAuthentication) => Effect.Effect<string>
  readonly termsOf: ReturnType<typeof makeTermsOf>
}): Service["insert"] =>
  Effect.fnUntraced(function* (given) {
    const now = yield* WaitTable.readNow(database)
    const pending = yield* toDatabaseClock(given, now)
    const expected = yield* NotificationTable.findOf(database, pending.id)
    const terms = termsOf(deliveryOf(pending, Option.isSome(expected)), "")
    const saved = (yield* StoredWait.get(pending, WaitTable.noOffset)) ?? begin(pending, terms, now)
    const receivedAt = saved.phase._tag === "Verifying" ? now : undefined
    const row = toRow({ held: { id: pending.id, lease: 0 }, saved, wakeAt: wakeAtOf(saved, now) })
    const [sealed, authReqIdHash] = [yield* sealPending(pending), yield* TokenHash.sha256(pending.authReqId)]
    yield* WaitTable.insert(database, row, { pending: sealed, authReqIdHash, receivedAt })
    // A notification may have come in between.
    yield* notifyEarly(pending.id)
  })

/** What is counted on this machine's clock, on that of the database. */
const toDatabaseClock = Effect.fnUntraced(function* (
  pending: PendingAuthentication,
  now: number
): Effect.fn.Return<PendingAuthentication, TokenError> {
  const ahead = now - (yield* Clock.currentTimeMillis)
  const saved = yield* StoredWait.get(pending, { least: -ahead, most: -ahead })
  const moved = update(pending, { expiresAt: DateTime.add(pending.expiresAt, { milliseconds: ahead }) })
  return saved === undefined ? moved : StoredWait.put(moved, saved, WaitTable.noOffset)
})

/** A ping is waited for only where one can arrive. */
const deliveryOf = (
  { deliveryMode }: PendingAuthentication,
  isExpected: boolean
): Wait.Terms<TransportError>["delivery"] => (deliveryMode === "ping" && !isExpected ? "poll" : deliveryMode)

/** A wait that no worker has polled for yet. */
const begin = (pending: PendingAuthentication, terms: Wait.Terms<TransportError>, now: number): StoredWait.Saved => {
  const [state] = Wait.start<TokenResponse, TransportError>(
    terms,
    StoredWait.start(pending, WaitTable.noOffset, true),
    now
  )
  return Wait.snapshot(state)
}

const wakeAtOf = ({ phase }: StoredWait.Saved, now: number): number => (phase._tag === "Sleeping" ? phase.wakeAt : now)

const toRow = ({ held: { id, lease }, saved, wakeAt }: Progress): WaitTable.Row => ({
  id,
  lease,
  wakeAt,
  interval: saved.interval,
  state: StoredWait.progressOf(saved, WaitTable.noOffset)
})

const read = Effect.fnUntraced(function* (
  { pending: sealed, state, ...row }: WaitTable.ClaimedRow,
  keys: Sealing.Keys,
  prefix: string
) {
  const stored = yield* open(sealed, keys, [prefix, row.id])
  const pending = update(stored, { wait: yield* WaitTable.decodeState(state) })
  const saved = yield* StoredWait.get(pending, WaitTable.noOffset)
  return saved === undefined ? [] : [{ ...row, pending, saved }]
})

/** More would hold up what else the process does, and open none of them sooner. */
const openedAtOnce = 8

/** One row that cannot be read holds up no other. */
const orSkip = <A, E extends Error>(
  { id }: WaitTable.ClaimedRow,
  claims: Effect.Effect<ReadonlyArray<A>, E>
): Effect.Effect<ReadonlyArray<A>> =>
  Effect.catch(claims, ({ message }) => Effect.as(Effect.logError(`the wait ${id} is skipped: ${message}`), []))
