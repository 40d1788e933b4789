import { it } from "@effect/vitest"
import { UserHint } from "@effect-ciba/core"
import { Approvals, SqliteDatabase, WaitStore, WaitWorker } from "@effect-ciba/durable"
import * as ApprovalWorkflow from "@effect-ciba/durable/ApprovalWorkflow"
import { ProviderScript, TestProvider, TestUser } from "@effect-ciba/testing"
import { Deferred, Effect, Exit, Fiber, Layer, Redacted, Schema, Scope, Stream } from "effect"
import { ClusterWorkflowEngine, SingleRunner } from "effect/cluster"
import { Digest } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { Workflow, WorkflowEngine } from "effect/workflow"
import { describe, expect } from "vitest"
import { onBoth } from "./support/Databases.ts"
import { makeCiba, makeOptions } from "./support/TestApproval.ts"
import { countRequests, finish, realTime } from "./support/Time.ts"

const Transfer = Workflow.make("Transfer", {
  payload: { id: Schema.String },
  success: Schema.Struct({ subject: Schema.String, status: Schema.String }),
  error: ApprovalWorkflow.AskError,
  idempotencyKey: ({ id }) => id
})

const secrets = new Set(["jo@example.com"])

const TransferLive = Transfer.toLayer(
  Effect.fnUntraced(function* ({ id }) {
    const workflow = yield* ApprovalWorkflow.ApprovalWorkflow
    const approvals = yield* Approvals.Approvals
    const hint = UserHint.login(id === "unknown" ? "no-one" : "jo@example.com")
    const { key, status } = yield* workflow.ask(id, { scope: ["openid"], hint })
    const { accessToken, idToken, subject } = yield* Effect.orDie(approvals.result(key))
    for (const token of [accessToken, idToken]) secrets.add(Redacted.value(token))
    return { subject, status }
  })
)

const options = Effect.runSync(Effect.map(makeOptions, (made) => ({ ...made, interval: 20 })))

/** The approvals of a process with a worker. */
const layerApprovals = (own: typeof options) =>
  Layer.merge(Approvals.layer(own), WaitWorker.layer({ claimInterval: "20 millis" })).pipe(
    Layer.provide(WaitStore.layer(own))
  )

const ApprovalsLive = layerApprovals(options)

const Live = TransferLive.pipe(
  Layer.provideMerge(ApprovalWorkflow.layer(options)),
  Layer.provideMerge(ApprovalsLive),
  Layer.provideMerge(WorkflowEngine.layerMemory),
  Layer.provideMerge(SqliteDatabase.layer({ filename: ":memory:" })),
  Layer.fresh
)

const provide = (provider?: Parameters<typeof makeCiba>[0]) =>
  Effect.provide(makeCiba({ interval: "1 second", ...provider }))

const countDeferreds = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.map(sql`select token from ${sql(`${options.prefix}_deferred`)}`, (rows) => rows.length)
)

const until = <E, R>(is: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(Effect.andThen(realTime, is), { until: (isSo) => isSo })

describe("a workflow", () => {
  it.live("sleeps until the end-user has approved, and reads who it was", () =>
    Effect.gen(function* () {
      const results = yield* Effect.all([Transfer.execute({ id: "17" }), Transfer.execute({ id: "17" })], {
        concurrency: 2
      })
      expect(results).toEqual([
        { subject: "jo", status: "Verified" },
        { subject: "jo", status: "Verified" }
      ])
      yield* until(Effect.map(countDeferreds, (count) => count === 0))
      expect(yield* countRequests("backchannel")).toBe(1)
    }).pipe(Effect.provide(Live), provide({ user: TestUser.approve({ subject: "jo" }) }))
  )

  it.live("fails with how the end-user decided", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(Transfer.execute({ id: "17" }))).toMatchObject({
        _tag: "ApprovalFailed",
        outcome: "Refused",
        reason: "AccessDenied"
      })
    }).pipe(Effect.provide(Live), provide({ user: TestUser.deny() }))
  )

  it.live("fails with why nothing was started, and asks for the next one", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(Transfer.execute({ id: "unknown" }))).toMatchObject({
        _tag: "ApprovalNotStarted",
        reason: "UnknownUserId",
        canAskAgain: true
      })
      expect(yield* Effect.flip(Transfer.execute({ id: "lost" }))).toMatchObject({
        _tag: "ApprovalNotStarted",
        reason: "TransportError",
        canAskAgain: false
      })
    }).pipe(
      Effect.provide(Live),
      provide({ backchannelScript: ProviderScript.make([ProviderScript.proceed, ProviderScript.reset]) })
    )
  )

  it.live("asks once while the database fails between the request and the deferred", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rename = (from: string, to: string) => sql`alter table ${sql(from)} rename to ${sql(to)}`
      yield* rename(`${options.prefix}_deferred`, "elsewhere")
      const transfer = yield* Effect.forkChild(Transfer.execute({ id: "17" }))
      yield* until(Effect.map(countRequests("backchannel"), (count) => count === 1))
      yield* Effect.sleep("100 millis")
      yield* rename("elsewhere", `${options.prefix}_deferred`)
      expect(yield* Fiber.join(transfer)).toMatchObject({ status: "Verified" })
      expect(yield* countRequests("backchannel")).toBe(1)
    }).pipe(Effect.provide(Live), provide({ user: TestUser.approve() }))
  )

  it.live("fails when its approval was purged before its deferred was completed", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const transfer = yield* Effect.forkChild(Effect.flip(Transfer.execute({ id: "17" })))
      yield* until(Effect.map(countDeferreds, (count) => count === 1))
      yield* sql`delete from ${sql(`${options.prefix}_approval`)}`
      yield* Layer.build(ApprovalWorkflow.layer(options).pipe(Layer.fresh))
      expect(yield* Fiber.join(transfer)).toMatchObject({ _tag: "ApprovalNotFound", key: "17" })
    }).pipe(Effect.provide(Live), provide())
  )
})

onBoth((it) => {
  it.effect("a workflow sleeps until its approval is decided, and leaves no row of its deferred", () =>
    Effect.gen(function* () {
      const own = yield* Effect.map(makeOptions, (made) => ({ ...made, interval: 20 }))
      const context = yield* TransferLive.pipe(
        Layer.provide(ApprovalWorkflow.layer(own)),
        Layer.provide(layerApprovals(own)),
        Layer.provideMerge(WorkflowEngine.layerMemory),
        Layer.fresh,
        Layer.build
      )
      const execute = (id: string) => Effect.provideContext(Transfer.execute({ id }), context)
      const transfers = yield* Effect.forkChild(Effect.forEach(["17", "18"], execute, { concurrency: 2 }))
      expect(yield* finish(transfers)).toHaveLength(2)
      const sql = yield* SqlClient.SqlClient
      yield* until(Effect.map(sql`select token from ${sql(`${own.prefix}_deferred`)}`, (rows) => rows.length === 0))
    }).pipe(provide({ user: TestUser.approve() }))
  )
})

interface Process {
  readonly engine: WorkflowEngine.WorkflowEngine["Service"]
  readonly approvals: Approvals.Service
}

/** How a process dies at one of the steps between decision and removal: it stops there, having run `reached`. */
const deaths: Readonly<Record<string, (process: Process, reached: Effect.Effect<unknown>) => Process>> = {
  "before it sees the decision": ({ approvals, engine }, reached) => ({
    engine,
    approvals: { ...approvals, decided: Stream.drain(Stream.tap(approvals.decided, () => reached)) }
  }),
  "before it completes the deferred": ({ approvals, engine }, reached) => {
    const hang = () => Effect.andThen(reached, Effect.never)
    return { approvals, engine: { ...engine, deferredDone: hang } }
  },
  "after it has completed the deferred": ({ approvals, engine }, reached) => {
    const completeAndHang: typeof engine.deferredDone = (...call) =>
      Effect.andThen(Effect.andThen(engine.deferredDone(...call), reached), Effect.never)
    return { approvals, engine: { ...engine, deferredDone: completeAndHang } }
  }
}

describe("a process that completes deferreds", () => {
  it.live.each(Object.keys(deaths))("may die %s: another one does it again", (name) =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const process = {
        engine: yield* WorkflowEngine.WorkflowEngine,
        approvals: yield* Approvals.Approvals
      }
      const dying = deaths[name]?.(process, Deferred.succeed(reached, undefined)) ?? process
      yield* Layer.build(
        TransferLive.pipe(
          Layer.provide(ApprovalWorkflow.layer(options)),
          Layer.provide(Layer.succeed(Approvals.Approvals, dying.approvals)),
          Layer.provide(
            Layer.succeed(WorkflowEngine.WorkflowEngine, {
              ...dying.engine,
              register: process.engine.register
            })
          ),
          Layer.fresh
        )
      )
      const transfer = yield* Effect.forkChild(Transfer.execute({ id: "17" }))
      yield* Deferred.await(reached)
      expect(yield* countDeferreds).toBe(1)
      yield* Layer.build(Layer.fresh(ApprovalWorkflow.layer(options)))
      expect(yield* Fiber.join(transfer)).toMatchObject({ subject: "jo", status: "Verified" })
      yield* until(Effect.map(countDeferreds, (count) => count === 0))
      expect(yield* countRequests("backchannel")).toBe(1)
    }).pipe(
      Effect.provide(
        ApprovalsLive.pipe(
          Layer.provideMerge(WorkflowEngine.layerMemory),
          Layer.provideMerge(SqliteDatabase.layer({ filename: ":memory:" })),
          Layer.fresh
        )
      ),
      provide({ user: TestUser.approve({ subject: "jo" }) })
    )
  )
})

describe("a journal in the same database", () => {
  /** A process, with Effect's own engine over the database of the context. */
  const start = Effect.gen(function* () {
    const scope = yield* Scope.make()
    const EngineLive = ClusterWorkflowEngine.layer.pipe(
      Layer.provideMerge(SingleRunner.layer({ runnerStorage: "memory", shardingConfig: { shardsPerGroup: 4 } })),
      Layer.provide(Digest.layerWebCrypto)
    )
    const context = yield* TransferLive.pipe(
      Layer.provide(ApprovalWorkflow.layer(options)),
      Layer.provide(ApprovalsLive),
      Layer.provideMerge(EngineLive),
      Layer.fresh,
      Layer.buildWithScope(scope)
    )
    return { context, kill: Scope.close(scope, Exit.void) }
  })

  const dump = Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const tables = yield* sql<{ name: string }>`select name from sqlite_master where type = 'table'`
    const rows = yield* Effect.forEach(tables, ({ name }) => sql`select * from ${sql(name)}`).pipe(
      Effect.provideService(SqlClient.SafeIntegers, true)
    )
    return JSON.stringify(rows, (_, value) =>
      typeof value === "bigint" ? Number(value) : ArrayBuffer.isView(value) ? new TextDecoder().decode(value) : value
    )
  })

  it.live("takes a workflow over from a process that died while it slept, and holds no token and no hint", () =>
    Effect.gen(function* () {
      const first = yield* start
      yield* Effect.provideContext(Transfer.execute({ id: "17" }, { discard: true }), first.context)
      yield* until(Effect.map(countDeferreds, (count) => count === 1))
      yield* first.kill
      const provider = yield* TestProvider.TestProvider
      yield* provider.approve()
      const second = yield* start
      const result = yield* Effect.provideContext(Transfer.execute({ id: "17" }), second.context)
      expect(result).toMatchObject({ status: "Verified" })
      yield* until(Effect.map(countDeferreds, (count) => count === 0))
      expect(yield* countRequests("backchannel")).toBe(1)
      const text = yield* dump
      expect(text).toContain("ApprovalWorkflow/17")
      expect(secrets.size).toBeGreaterThan(2)
      for (const secret of secrets) expect(text).not.toContain(secret)
      yield* second.kill
    }).pipe(Effect.provide(Layer.fresh(SqliteDatabase.layer({ filename: ":memory:" }))), provide())
  )
})
