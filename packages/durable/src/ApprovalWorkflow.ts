/**
 * Approvals in workflows of `effect/workflow`: one is asked for as an activity, and the workflow sleeps until it is decided.
 *
 * **When to use**
 *
 * In a program that has a workflow engine. Without one, `Approvals` does the same for less: a workflow for each approval is work for
 * the engine as well.
 *
 * **Details**
 *
 * - `ask` starts the approval in an activity. One that is repeated, by a process that takes the workflow over, sends no second request.
 * - The deferred of a workflow is a row until it has been completed. Any process with this layer completes it: at once when the
 *   approval is decided, and in a look through the rows every minute what was missed. It may be completed twice, which changes nothing.
 * - The journal of the workflow has no token, hint or request: the activity has no result, and the deferred has the receipt, or why
 *   there is none. The workflow reads who approved, and the tokens, with `Approvals.result`.
 *
 * **Gotchas**
 *
 * - Do not return the result of `Approvals.result` from an activity: it would be stored in clear.
 * - The first decision counts for the workflow. Tokens that arrive after another outcome are there for `Approvals.result` alone.
 * - A workflow that is interrupted leaves its approval as it is: `Approvals.cancel` ends it.
 *
 * **Example** (A transfer that its owner approves)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, Sealing, UserHint } from "@effect-ciba/core"
 * import { ApprovalError, Approvals, SqliteDatabase, WaitStore, WaitWorker } from "@effect-ciba/durable"
 * import * as ApprovalWorkflow from "@effect-ciba/durable/ApprovalWorkflow"
 * import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect, Layer, Schema } from "effect"
 * import { Workflow, WorkflowEngine } from "effect/workflow"
 *
 * const Transfer = Workflow.make("Transfer", {
 *   payload: { id: Schema.String },
 *   success: Schema.String,
 *   error: ApprovalWorkflow.AskError,
 *   idempotencyKey: ({ id }) => id
 * })
 *
 * const TransferLive = Transfer.toLayer(
 *   Effect.fnUntraced(function* ({ id }) {
 *     const workflow = yield* ApprovalWorkflow.ApprovalWorkflow
 *     const key = `transfer-${id}`
 *     const { subject = "" } = yield* workflow.ask(key, { scope: ["openid"], hint: UserHint.login("jo@example.com") })
 *     return subject
 *   })
 * )
 *
 * const options = { keys: [await Effect.runPromise(Sealing.generate("2030-01"))] } as const
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(Layer.provide(TestProvider.layer({ user: TestUser.approve({ subject: "jo" }), interval: "1 second" })))
 *
 * const Live = Layer.merge(TransferLive, WaitWorker.layer()).pipe(
 *   Layer.provide(ApprovalWorkflow.layer()),
 *   Layer.provide(Approvals.layer(options)),
 *   Layer.provide(WaitStore.layer(options)),
 *   Layer.provide(Layer.merge(CibaTest, SqliteDatabase.layer({ filename: ":memory:" }))),
 *   Layer.provideMerge(WorkflowEngine.layerMemory)
 * )
 *
 * await Effect.runPromise(Effect.provide(Transfer.execute({ id: "17" }), Live)) // => "jo"
 * ```
 *
 * @see CIBA Core 1.0 sections 7 and 10
 */
import type * as AuthenticationRequest from "@effect-ciba/core/AuthenticationRequest"
import type { AuthenticationRequestError } from "@effect-ciba/core/AuthenticationRequestError"
import type { DiscoveryError } from "@effect-ciba/core/DiscoveryError"
import { Context, Effect, Exit, Layer, Queue, Schedule, Schema, type Scope, Stream } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { Activity, DurableDeferred, WorkflowEngine } from "effect/workflow"
import {
  AcknowledgementLost,
  ApprovalConflict,
  ApprovalFailed,
  ApprovalInTransaction,
  ApprovalNotFound,
  ApprovalNotStarted,
  InvalidApprovalKey
} from "./ApprovalError.ts"
import { Approvals, type Service as ApprovalsService, type Receipt } from "./Approvals.ts"
import { ApprovalReceipt } from "./internal/ApprovalReceipt.ts"
import * as DeferredTable from "./internal/DeferredTable.ts"
import * as Failure from "./internal/Failure.ts"
import { tablesOf } from "./internal/Migrations.ts"
import type { Database } from "./internal/WaitTable.ts"

const StartError = Schema.Union([
  ApprovalNotStarted,
  ApprovalConflict,
  ApprovalInTransaction,
  AcknowledgementLost,
  InvalidApprovalKey
])

const DecisionError = Schema.Union([ApprovalFailed, ApprovalNotFound])

/**
 * Why an approval was not started, or has no result; a workflow can have it among its errors.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type AskError = typeof StartError.Type | typeof DecisionError.Type

/**
 * Why an approval was not started, or has no result; a workflow can have it among its errors.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const AskError: Schema.Codec<AskError, unknown> = Schema.Union([StartError, DecisionError])

/**
 * Approvals, for the workflows of an engine.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /**
   * Asks the end-user, once for each key, and suspends the workflow until the approval is decided. While the database cannot be used
   * the activity is repeated.
   */
  readonly ask: (
    key: string,
    request: AuthenticationRequest.Options
  ) => Effect.Effect<Receipt, AskError, WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance>
}

/**
 * Approvals, for the workflows of an engine.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class ApprovalWorkflow extends Context.Service<ApprovalWorkflow, Service>()(
  "@effect-ciba/durable/ApprovalWorkflow"
) {}

/**
 * Where the tables are.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options {
  /** The prefix of the `WaitStore`; `ciba` by default. */
  readonly prefix?: string | undefined
}

/**
 * What it needs.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Requirements = Approvals | SqlClient.SqlClient | WorkflowEngine.WorkflowEngine

/**
 * Completes the deferreds of workflows, of this process or another one, until the scope is closed.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const make = Effect.fnUntraced(function* ({
  prefix = "ciba"
}: Options = {}): Effect.fn.Return<Service, never, Requirements | Scope.Scope> {
  const approvals = yield* Approvals
  const database = { sql: (yield* SqlClient.SqlClient).withoutTransforms(), tables: tablesOf(prefix) }
  const complete = makeComplete(approvals, database, yield* WorkflowEngine.WorkflowEngine)
  const asked = yield* Queue.unbounded<string>()
  const decided = Stream.map(approvals.decided, ({ key }) => key)
  yield* Stream.merge(decided, Stream.fromQueue(asked)).pipe(
    Stream.mapEffect((key) => orLater(Effect.flatMap(DeferredTable.findOf(database, key), complete)), {
      concurrency: 16,
      unordered: true
    }),
    Stream.runDrain,
    Effect.forkScoped
  )
  yield* Effect.forkScoped(
    Effect.forever(Effect.andThen(orLater(completeDue(database, complete)), Effect.sleep("1 minute")))
  )

  const start = (key: string, request: AuthenticationRequest.Options, token: DurableDeferred.Token) =>
    Effect.andThen(approvals.start(key, request), DeferredTable.insert(database, { key, token })).pipe(
      Effect.retry({ schedule: Schedule.spaced("1 second"), while: ({ _tag }) => _tag === "SqlError" }),
      Effect.catchTags({
        SqlError: Effect.die,
        DiscoveryError: (error) => failStart(key, error),
        AuthenticationRequestError: (error) => failStart(key, error)
      })
    )

  return ApprovalWorkflow.of({
    ask: Effect.fnUntraced(function* (key, request) {
      const deferred = makeDeferred(key)
      const token = yield* DurableDeferred.token(deferred)
      yield* Activity.make({ name: `ApprovalWorkflow/${key}`, error: StartError, execute: start(key, request, token) })
      // It may have been decided before the deferred was there.
      yield* Queue.offer(asked, key)
      return yield* DurableDeferred.await(deferred)
    })
  })
})

/**
 * Completes the deferreds of workflows, of this process or another one.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer = (options?: Options): Layer.Layer<ApprovalWorkflow, never, Requirements> =>
  Layer.effect(ApprovalWorkflow, make(options))

const makeDeferred = (key: string) =>
  DurableDeferred.make(`ApprovalWorkflow/${key}`, { success: ApprovalReceipt, error: DecisionError })

const failStart = (key: string, error: AuthenticationRequestError | DiscoveryError) => {
  const { message: problem, ...failure } = Failure.of(error)
  return Effect.fail(new ApprovalNotStarted({ key, problem, ...failure }))
}

type Complete = (rows: ReadonlyArray<DeferredTable.Row>) => Effect.Effect<void>

/** Completes the deferreds of decided approvals, and then removes their rows. What cannot be completed stays, and holds up no other. */
const makeComplete = (
  approvals: ApprovalsService,
  database: Database,
  engine: WorkflowEngine.WorkflowEngine["Service"]
): Complete => {
  const completeOne = Effect.fnUntraced(function* ({ key, token }: DeferredTable.Row) {
    const exit = yield* decide(approvals, key)
    if (exit === undefined) return
    yield* Effect.provideService(
      DurableDeferred.done(makeDeferred(key), { token, exit }),
      WorkflowEngine.WorkflowEngine,
      engine
    )
    yield* DeferredTable.remove(database, token)
  })
  return (rows) => Effect.forEach(rows, (row) => orLater(completeOne(row)), { discard: true })
}

/** What a workflow gets; nothing as long as the approval is open. */
const decide = (approvals: ApprovalsService, key: string) =>
  Effect.gen(function* () {
    const { decidedAt } = yield* approvals.status(key)
    if (decidedAt === undefined) return undefined
    yield* approvals.result(key)
    return Exit.succeed(yield* approvals.status(key))
  }).pipe(
    Effect.catchTags({
      ApprovalFailed: (error) => Effect.succeed(Exit.fail(error)),
      ApprovalNotFound: (error) => Effect.succeed(Exit.fail(error))
    })
  )

/** What was missed: the events of another process that has died, for one. */
const completeDue = (database: Database, complete: Complete) => {
  const completeAfter = (token: string): Effect.Effect<void, SqlError.SqlError> =>
    Effect.flatMap(DeferredTable.findDue(database, token, completedAtOnce), (rows) =>
      Effect.andThen(
        complete(rows),
        rows.length < completedAtOnce ? Effect.void : completeAfter(rows.at(-1)?.token ?? "")
      )
    )
  return completeAfter("")
}

const completedAtOnce = 256

/** The row is still there for the next look. */
const orLater = <E, R>(call: Effect.Effect<void, E, R>): Effect.Effect<void, never, R> =>
  Effect.catchCause(call, (cause) => Effect.logWarning("the workflow of an approval is resumed later", cause))
