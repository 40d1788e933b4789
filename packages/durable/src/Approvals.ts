/**
 * Approvals by keys of one's own: started once, whichever process asks, and decided by any worker.
 *
 * **When to use**
 *
 * In an application that asks end-users for approvals and must outlive its processes. A key names what is approved, a transfer for
 * one: a caller that is not sure whether it has started it calls `start` again.
 *
 * **Details**
 *
 * - `start` writes the key before the request is sent. A second call with it, in any process, waits for the acknowledgement of the
 *   first one. When the process that sends it has died, it fails with `AcknowledgementLost`, and nothing is sent again.
 * - A caller of `start` that is interrupted loses nothing: the acknowledgement is stored, and the next call finds it.
 * - A request that the provider has refused, or that never reached it, leaves nothing behind: its key can be used again.
 * - `result` waits for workers: a `WaitWorker` has to run in some process. One watcher of a process looks for what was decided, for
 *   all its callers.
 * - A receipt says who approved, when and how, and has the SHA-256 hash of the `auth_req_id`, by which a provider finds the request.
 *   It is not sealed. Tokens are.
 *
 * **Gotchas**
 *
 * - Keys are not sealed: they hold no secret.
 * - An approval cannot be started within a transaction. What belongs to it is written before, under its key.
 * - The store is over the same `SqlClient`: both are written in one transaction.
 * - Who may read which approval is for the application to decide.
 *
 * **Example** (An approval that is started twice, and asked for once)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, Sealing, UserHint } from "@effect-ciba/core"
 * import { Approvals, SqliteDatabase, WaitStore, WaitWorker } from "@effect-ciba/durable"
 * import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect, Layer } from "effect"
 *
 * const options = { keys: [await Effect.runPromise(Sealing.generate("2030-01"))] } as const
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(Layer.provide(TestProvider.layer({ user: TestUser.approve({ subject: "jo" }), interval: "1 second" })))
 *
 * const ApprovalsTest = Layer.merge(Approvals.layer(options), WaitWorker.layer()).pipe(
 *   Layer.provide(WaitStore.layer(options)),
 *   Layer.provide(Layer.merge(CibaTest, SqliteDatabase.layer({ filename: ":memory:" })))
 * )
 *
 * const program = Effect.gen(function* () {
 *   const approvals = yield* Approvals.Approvals
 *   const request = { scope: ["openid"], hint: UserHint.login("jo@example.com") }
 *   const [one, other] = [yield* approvals.start("transfer-17", request), yield* approvals.start("transfer-17", request)]
 *   const { subject } = yield* approvals.result("transfer-17")
 *   return [one.id === other.id, subject]
 * }).pipe(Effect.provide(ApprovalsTest))
 *
 * await Effect.runPromise(program) // => [true, "jo"]
 * ```
 *
 * @see CIBA Core 1.0 sections 7 and 10
 */
import type * as AuthenticationRequest from "@effect-ciba/core/AuthenticationRequest"
import { Ciba } from "@effect-ciba/core/Ciba"
import { ClientRegistration } from "@effect-ciba/core/ClientRegistration"
import { Transport } from "@effect-ciba/core/Transport"
import type { Wait } from "@effect-ciba/core/unstable/wait"
import type { VerifiedIdentity } from "@effect-ciba/core/VerifiedIdentity"
import { Context, DateTime, Duration, Effect, Layer, Option, type Scope, Stream } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { AcknowledgementLost, ApprovalFailed, ApprovalNotFound, InvalidApprovalKey } from "./ApprovalError.ts"
import * as ApprovalStart from "./internal/ApprovalStart.ts"
import * as ApprovalTable from "./internal/ApprovalTable.ts"
import * as DecidedApprovals from "./internal/DecidedApprovals.ts"
import * as KeyedHash from "./internal/KeyedHash.ts"
import { tablesOf } from "./internal/Migrations.ts"
import { leaseReserve } from "./internal/WaitTable.ts"
import { type Decision, type DecryptionFailed, WaitStore, type Options as WaitStoreOptions } from "./WaitStore.ts"

/**
 * What is known of an approval without its tokens.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Receipt {
  readonly key: string
  /** `id` of the pending authentication; none while the request is under way. */
  readonly id?: string
  readonly status: "Starting" | "Pending" | Wait.Outcome
  readonly startedAt: DateTime.Utc
  readonly expiresAt?: DateTime.Utc
  readonly decidedAt?: DateTime.Utc
  /** `sub` of who approved. */
  readonly subject?: string
  /** `acr` of how they were authenticated. */
  readonly acr?: string
  /** The SHA-256 hash of the `auth_req_id`, in base64url. */
  readonly authReqIdHash?: string
}

/**
 * Why an approval was not started.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type StartError = ApprovalStart.StartError | InvalidApprovalKey

/**
 * Why nothing is known of an approval.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type StatusError = ApprovalNotFound | AcknowledgementLost | InvalidApprovalKey | SqlError.SqlError

/**
 * Why an approval has no result.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type ResultError = StatusError | ApprovalFailed | DecryptionFailed

/**
 * The approvals of one client.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /** Asks the end-user, once for each key. Succeeds when the provider has acknowledged the request, in this call or another one. */
  readonly start: (key: string, request: AuthenticationRequest.Options) => Effect.Effect<Receipt, StartError>
  /** Waits for the decision: the end-user and their tokens, verified. It can be read until it is purged. */
  readonly result: (key: string) => Effect.Effect<VerifiedIdentity, ResultError>
  /** How an approval stands. */
  readonly status: (key: string) => Effect.Effect<Receipt, StatusError>
  /**
   * Stops waiting for an approval. A poll in flight is awaited first: if it brings tokens, they win. The end-user still sees the
   * request, since CIBA has no way to withdraw it.
   */
  readonly cancel: (key: string) => Effect.Effect<Receipt, StatusError>
  /**
   * Approvals as they are decided, in any process, from the subscription on. One whose tokens arrive after another outcome comes twice.
   */
  readonly decided: Stream.Stream<Receipt>
}

/**
 * The approvals of one client.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class Approvals extends Context.Service<Approvals, Service>()("@effect-ciba/durable/Approvals") {}

/**
 * The keys and the prefix of the `WaitStore`, and how often decisions are looked for.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options extends Pick<WaitStoreOptions, "keys" | "prefix"> {
  /** How often this process looks for what was decided, while there are callers that wait; every 250 milliseconds by default. */
  readonly interval?: Duration.Input | undefined
}

/**
 * What approvals need.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Requirements = WaitStore | Ciba | ClientRegistration | Transport | SqlClient.SqlClient

/**
 * The approvals over the database of the context, with the keys and the prefix of the store.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = Effect.fnUntraced(function* ({
  interval = "250 millis",
  keys,
  prefix = "ciba"
}: Options): Effect.fn.Return<Service, never, Requirements | Scope.Scope> {
  const store = yield* WaitStore
  const { requestTimeout } = yield* Transport
  const database = { sql: (yield* SqlClient.SqlClient).withoutTransforms(), tables: tablesOf(prefix) }
  const acknowledgementTimeout = Duration.toMillis(Duration.sum(requestTimeout, leaseReserve))
  const start = yield* ApprovalStart.make({
    ciba: yield* Ciba,
    registration: yield* ClientRegistration,
    store,
    database,
    acknowledgementTimeout,
    fingerprints: yield* KeyedHash.make(keys, `${prefix} authentication request`)
  })
  const { decided, until } = yield* DecidedApprovals.make({
    interval,
    find: (millis) => ApprovalTable.findDecided(database, millis)
  })

  const find = Effect.fnUntraced(function* (key: string): Effect.fn.Return<ApprovalTable.Row, StatusError> {
    yield* ensureKey(key)
    const found = yield* ApprovalTable.find(database, key)
    if (Option.isNone(found)) return yield* new ApprovalNotFound({ key })
    if (found.value.id === null && found.value.age >= acknowledgementTimeout)
      return yield* new AcknowledgementLost({ key })
    return found.value
  })

  const findDecision = (key: string): Effect.Effect<Option.Option<Decision>, StatusError | DecryptionFailed> =>
    Effect.flatMap(find(key), ({ id, outcome }) => {
      if (id === null) return Effect.delay(findDecision(key), "200 millis")
      return outcome === null ? Effect.succeedNone : store.find(id)
    })

  const cancel = Effect.fnUntraced(function* (key: string): Effect.fn.Return<Receipt, StatusError> {
    const row = yield* find(key)
    if (row.outcome !== null) return toReceipt(row)
    const isCancelled = row.id !== null && (yield* store.cancel(row.id))
    return yield* isCancelled ? cancel(key) : Effect.delay(cancel(key), "200 millis")
  })

  return Approvals.of({
    start: (key, request) => Effect.andThen(ensureKey(key), Effect.map(start(key, request), toReceipt)),
    status: (key) => Effect.map(find(key), toReceipt),
    result: (key) => Effect.flatMap(until(key, findDecision(key)), (decision) => toResult(key, decision)),
    cancel,
    decided: Stream.map(decided, toReceipt)
  })
})

/**
 * The approvals over the database of the context, with the keys and the prefix of the store.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (options: Options): Layer.Layer<Approvals, never, Requirements> =>
  Layer.effect(Approvals, make(options))

const maxKeyLength = 255

const ensureKey = (key: string): Effect.Effect<void, InvalidApprovalKey> => {
  if (key === "") return Effect.fail(new InvalidApprovalKey({ problem: "it is empty" }))
  if (key.length > maxKeyLength) {
    return Effect.fail(new InvalidApprovalKey({ problem: `it has ${key.length} characters` }))
  }
  return /[\p{Cc}\p{Cs}]/u.test(key)
    ? Effect.fail(new InvalidApprovalKey({ problem: "it has a control character, or half of a surrogate pair" }))
    : Effect.void
}

const toReceipt = (row: ApprovalTable.Row): Receipt => ({
  key: row.key,
  status: row.outcome ?? (row.id === null ? "Starting" : "Pending"),
  startedAt: DateTime.makeUnsafe(row.startedAt),
  ...(row.id !== null && { id: row.id }),
  ...(row.expiresAt !== undefined && { expiresAt: DateTime.makeUnsafe(row.expiresAt) }),
  ...(row.decidedAt !== undefined && { decidedAt: DateTime.makeUnsafe(row.decidedAt) }),
  ...(row.subject !== null && { subject: row.subject }),
  ...(row.acr !== null && { acr: row.acr }),
  ...(row.authReqIdHash !== null && { authReqIdHash: row.authReqIdHash })
})

const toResult = (
  key: string,
  { failure, identity, outcome }: Decision
): Effect.Effect<VerifiedIdentity, ApprovalFailed> => {
  if (identity !== undefined) return Effect.succeed(identity)
  const { message: problem, ...rest } = failure ?? withoutFailure
  return Effect.fail(new ApprovalFailed({ key, outcome, problem, ...rest }))
}

/** Only a cancellation has no error. */
const withoutFailure = { message: "it was cancelled", canAskAgain: true, needsOperator: false }
