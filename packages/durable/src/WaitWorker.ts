/**
 * Claims waits that are due, polls for them, verifies what comes, and stores it. Any number of workers share the waits of a
 * client; each may be frozen or killed at any moment.
 *
 * **When to use**
 *
 * `layer` works for as long as it is there. `runDue` is one pass, for a timer of the platform or a function that it calls.
 *
 * **Details**
 *
 * - A poll is sent within `WaitStore.claimLifetime` after its claim, or not at all: `NodeTls` looks when it is written. A worker
 *   claims no more than it can poll for at once.
 * - A 429 or 503 pauses all workers.
 * - While the database cannot be used, nothing is polled, and what has been received is kept. After that it is written before
 *   anything is claimed; rows of other workers that were never reported are left alone for five seconds.
 * - An error response that is about the client, such as `invalid_client`, is logged, and ends no wait.
 *
 * **Gotchas**
 *
 * - Without a `DurableInbox`, waits in ping mode are polled for as in poll mode, and those in push mode end with their expiry.
 *
 * **Example** (An approval that a worker has stored)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, Sealing, UserHint } from "@effect-ciba/core"
 * import { SqliteDatabase, WaitStore, WaitWorker } from "@effect-ciba/durable"
 * import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect, Layer, Option } from "effect"
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(Layer.provide(TestProvider.layer({ user: TestUser.approve(), interval: "1 second" })))
 *
 * const StoreTest = Layer.unwrap(
 *   Effect.map(Sealing.generate("2030-01"), (key) => WaitStore.layer({ keys: [key] }))
 * ).pipe(Layer.provide(SqliteDatabase.layer({ filename: ":memory:" })))
 *
 * const program = Effect.gen(function* () {
 *   const store = yield* WaitStore.WaitStore
 *   const pending = yield* Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
 *   yield* store.insert(pending)
 *   const worker = yield* WaitWorker.make()
 *   yield* Effect.delay(worker.runDue, "1100 millis")
 *   return Option.map(yield* store.find(pending.id), ({ outcome }) => outcome)
 * }).pipe(Effect.provide(Layer.merge(CibaTest, StoreTest)))
 *
 * const outcome = await Effect.runPromise(program)
 * Option.getOrThrow(outcome) // => "Verified"
 * ```
 */
import { ClientRegistration } from "@effect-ciba/core/ClientRegistration"
import type { Discovery } from "@effect-ciba/core/Discovery"
import { IdTokenVerifier } from "@effect-ciba/core/IdTokenVerifier"
import type * as Poll from "@effect-ciba/core/Poll"
import { ProviderKeys } from "@effect-ciba/core/ProviderKeys"
import { type InvalidOption, Transport } from "@effect-ciba/core/Transport"
import { makePrepare, makeTermsOf, monotonicNow, Throttle } from "@effect-ciba/core/unstable/wait"
import { Array as Arr, Context, Duration, Effect, FiberSet, Layer, type Scope } from "effect"
import type { SqlError } from "effect/sql"
import * as ClaimWindow from "./internal/ClaimWindow.ts"
import * as DatabaseOutage from "./internal/DatabaseOutage.ts"
import * as DrivenWait from "./internal/DrivenWait.ts"
import * as GroupWrite from "./internal/GroupWrite.ts"
import { leaseReserve } from "./internal/WaitTable.ts"
import * as Wakeup from "./internal/Wakeup.ts"
import { type Claim, type Progress, WaitStore } from "./WaitStore.ts"

/**
 * How a worker polls.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options extends Omit<Poll.Options, "schedule" | "pingFallback"> {
  /** How many waits a worker has at once; 64 by default. */
  readonly maxConcurrentPolls?: number | undefined
  /** How often a worker looks for what is due; every 250 milliseconds by default, and four times as often while something is. */
  readonly claimInterval?: Duration.Input | undefined
  /** How long a decided wait is kept; seven days by default. The worker deletes older ones, a thousand a minute. */
  readonly retention?: Duration.Input | undefined
}

/**
 * What a worker needs.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Requirements = WaitStore | ClientRegistration | Discovery | ProviderKeys | Transport | IdTokenVerifier

/**
 * A worker.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /** One pass: succeeds when all that was due has been polled for and stored, with how many waits that were. */
  readonly runDue: Effect.Effect<number, SqlError.SqlError>
}

/**
 * A worker.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class WaitWorker extends Context.Service<WaitWorker, Service>()("@effect-ciba/durable/WaitWorker") {}

/**
 * A worker that does nothing by itself. Fails for an option with which no poll can be sent.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = (options?: Options): Effect.Effect<Service, InvalidOption, Requirements> =>
  Effect.map(makeWorker(options), ({ claimDue, drive, max }) =>
    WaitWorker.of({
      runDue: Effect.flatMap(claimDue(max), (due) =>
        Effect.as(Effect.forEach(due, drive, { concurrency: "unbounded", discard: true }), due.length)
      )
    })
  )

/**
 * Works until it is interrupted: then a claim that the database is executing is awaited, for a lease at most. What is under way is ended and stored
 * when the scope is closed, for a lease at most.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const run = (options?: Options): Effect.Effect<never, InvalidOption, Requirements | Scope.Scope> =>
  Effect.flatten(prepare(options))

/**
 * Works in the background. Fails for an option with which no poll can be sent.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (options?: Options): Layer.Layer<never, InvalidOption, Requirements> =>
  Layer.effectDiscard(Effect.flatMap(prepare(options), Effect.forkScoped))

const prepare = Effect.fnUntraced(function* (
  options?: Options
): Effect.fn.Return<Effect.Effect<never>, InvalidOption, Requirements | Scope.Scope> {
  const { claimDue, drive, lease, max, outage, window } = yield* makeWorker(options)
  const { notified, purge } = yield* WaitStore
  const retention = Duration.fromInputUnsafe(options?.retention ?? "7 days")
  const clean = Effect.catch(purge(retention, purgedAtOnce), ({ message }) =>
    Effect.logDebug(`decided waits cannot be purged: ${message}`)
  )
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(clean, Effect.sleep("1 minute"))))
  const fibers = yield* FiberSet.make<void>()
  yield* Effect.addFinalizer(() => Effect.timeoutOption(FiberSet.awaitEmpty(fibers), lease))
  yield* outage.assume
  const interval = Duration.fromInputUnsafe(options?.claimInterval ?? "250 millis")
  const restFor = (duration: Duration.Duration) => Effect.raceFirst(Effect.sleep(duration), notified)
  const rest = restFor(interval)
  // Where something was due, more will be soon: it comes in small groups then, and not in one that holds up all else.
  const shortRest = restFor(Duration.divideUnsafe(interval, 4))
  const ended = Wakeup.make()
  // After the set's own observer: a worker that is woken finds the place free.
  const start = (each: Due) =>
    Effect.map(FiberSet.run(fibers, drive(each)), (fiber) => fiber.addObserver(ended.sendUnsafe))
  // What else the process does, as storing a ping, comes in between and not after all of them.
  const startSome = (some: ReadonlyArray<Due>) =>
    Effect.andThen(Effect.forEach(some, start, { discard: true }), Effect.yieldNow)
  /** What is claimed is driven, also when the worker is interrupted meanwhile: else it would wait for its lease to end. */
  const claimAndStart = (limit: number) =>
    Effect.timeoutOrElse(claimDue(limit), {
      duration: lease,
      orElse: (): Effect.Effect<ReadonlyArray<Due>> => Effect.as(outage.assume, [])
    }).pipe(
      Effect.tap((due) => Effect.forEach(Arr.chunksOf(due, startedAtOnce), startSome, { discard: true })),
      Effect.uninterruptible
    )
  const pass = Effect.gen(function* () {
    const free = max - (yield* FiberSet.size(fibers))
    if (free === 0) return yield* Effect.raceFirst(rest, ended.await)
    const due = yield* claimAndStart(Math.min(free, window.size()))
    if (due.length < free) yield* due.length === 0 ? rest : shortRest
  })
  return Effect.forever(Effect.catch(pass, () => rest))
})

const startedAtOnce = 8

/** A transaction of many rows would hold up the claims of others. */
const purgedAtOnce = 1000

/** A claim, and when it was sent to the database. */
interface Due {
  readonly claim: Claim
  readonly claimedSince: number
}

const makeWorker = Effect.fnUntraced(function* ({
  claimInterval: _claimInterval,
  retention: _retention,
  maxConcurrentPolls: max = 64,
  ...polls
}: Options = {}) {
  const store = yield* WaitStore
  const { requestTimeout } = yield* Transport
  const outage = DatabaseOutage.make()
  const throttle = yield* Throttle.make({ maxConcurrentRequests: max })
  const timeout = Duration.toMillis(requestTimeout)
  const window = ClaimWindow.make(max)
  const worker: DrivenWait.Worker = {
    store,
    report: GroupWrite.make((progress: ReadonlyArray<Progress>) => outage.untilWritten(store.report(progress))),
    outage,
    window,
    prepare: yield* makePrepare(polls),
    termsOf: makeTermsOf(store.pingFallback, false),
    throttle,
    verifier: yield* IdTokenVerifier,
    keys: yield* ProviderKeys,
    registration: yield* ClientRegistration,
    timeout
  }
  return {
    max,
    lease: Duration.sum(requestTimeout, leaseReserve),
    outage,
    window,
    claimDue: (limit: number): Effect.Effect<ReadonlyArray<Due>, SqlError.SqlError> =>
      Effect.flatMap(monotonicNow, (claimedSince) =>
        Effect.map(
          outage.claim((takesOver) => store.claim({ limit, timeout, takesOver })),
          (claims) => claims.map((claim) => ({ claim, claimedSince }))
        )
      ),
    /** What dies leaves its lease to end. */
    drive: ({ claim, claimedSince }: Due): Effect.Effect<void> =>
      Effect.catchCause(DrivenWait.drive(worker, claim, claimedSince), (cause) =>
        Effect.logError(`the wait ${claim.id} could not be driven`, cause)
      )
  }
})
