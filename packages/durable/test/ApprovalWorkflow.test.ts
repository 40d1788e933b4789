import { Approvals } from "@effect-ciba/durable"
import * as ApprovalWorkflow from "@effect-ciba/durable/ApprovalWorkflow"
import { ProviderScript, TestProvider, TestUser } from "@effect-ciba/testing"
import { Deferred, Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { WorkflowEngine } from "effect/workflow"
import { describe, expect } from "vitest"
import { onBothLive } from "./support/Databases.ts"
import { dump } from "./support/Dump.ts"
import { makeCiba } from "./support/TestApproval.ts"
import { countRequests, realTime } from "./support/Time.ts"
import {
  EngineLive,
  layerApprovals,
  makePlace,
  type Place,
  startProcess,
  Transfer,
  TransferLive,
  tokens
} from "./support/Transfers.ts"

/** A process whose engine is in memory, at tables of its own. */
const start = Effect.gen(function* () {
  const place = yield* makePlace
  return { place, ...(yield* startProcess(place, WorkflowEngine.layerMemory)) }
})

const provide = (provider?: Parameters<typeof makeCiba>[0]) =>
  Effect.provide(makeCiba({ interval: "1 second", ...provider }))

const countDeferreds = ({ prefix }: Place) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.map(sql`select token from ${sql(`${prefix}_deferred`)}`, (rows) => rows.length)
  )

const until = <E, R>(is: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(Effect.andThen(realTime, is), { until: (isSo) => isSo })

const untilDeferreds = (place: Place, expected: number) =>
  until(Effect.map(countDeferreds(place), (count) => count === expected))

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

onBothLive((it) => {
  describe("a workflow", () => {
    it.effect("sleeps until the end-user has approved, and reads who it was", () =>
      Effect.gen(function* () {
        const { execute, place } = yield* start
        expect(yield* Effect.all([execute("17"), execute("17")], { concurrency: 2 })).toEqual([
          { subject: "jo", status: "Verified" },
          { subject: "jo", status: "Verified" }
        ])
        yield* untilDeferreds(place, 0)
        expect(yield* countRequests("backchannel")).toBe(1)
      }).pipe(provide({ user: TestUser.approve({ subject: "jo" }) }))
    )

    it.effect("fails with how the end-user decided", () =>
      Effect.gen(function* () {
        const { execute } = yield* start
        expect(yield* Effect.flip(execute("17"))).toMatchObject({
          _tag: "ApprovalFailed",
          outcome: "Refused",
          reason: "AccessDenied"
        })
      }).pipe(provide({ user: TestUser.deny() }))
    )

    it.effect("fails with why nothing was started, and asks for the next one", () =>
      Effect.gen(function* () {
        const { execute } = yield* start
        expect(yield* Effect.flip(execute("unknown"))).toMatchObject({
          _tag: "ApprovalNotStarted",
          reason: "UnknownUserId",
          canAskAgain: true
        })
        expect(yield* Effect.flip(execute("lost"))).toMatchObject({
          _tag: "ApprovalNotStarted",
          reason: "TransportError",
          canAskAgain: false
        })
      }).pipe(provide({ backchannelScript: ProviderScript.make([ProviderScript.proceed, ProviderScript.reset]) }))
    )

    it.effect("asks once while the database fails between the request and the deferred", () =>
      Effect.gen(function* () {
        const { execute, place } = yield* start
        const sql = yield* SqlClient.SqlClient
        const rename = (from: string, to: string) => sql`alter table ${sql(from)} rename to ${sql(to)}`
        yield* rename(`${place.prefix}_deferred`, "elsewhere")
        const transfer = yield* Effect.forkChild(execute("17"))
        yield* until(Effect.map(countRequests("backchannel"), (count) => count === 1))
        yield* Effect.sleep("100 millis")
        yield* rename("elsewhere", `${place.prefix}_deferred`)
        expect(yield* Fiber.join(transfer)).toMatchObject({ status: "Verified" })
        expect(yield* countRequests("backchannel")).toBe(1)
      }).pipe(provide({ user: TestUser.approve() }))
    )

    it.effect("fails when its approval was purged before its deferred was completed", () =>
      Effect.gen(function* () {
        const { complete, execute, place } = yield* start
        const sql = yield* SqlClient.SqlClient
        const transfer = yield* Effect.forkChild(Effect.flip(execute("17")))
        yield* untilDeferreds(place, 1)
        yield* sql`delete from ${sql(`${place.prefix}_approval`)}`
        yield* complete
        expect(yield* Fiber.join(transfer)).toMatchObject({ _tag: "ApprovalNotFound", key: "17" })
      }).pipe(provide())
    )
  })

  describe("a process that completes deferreds", () => {
    it.effect.each(Object.keys(deaths))("may die %s: another one does it again", (name) =>
      Effect.gen(function* () {
        const place = yield* makePlace
        const reached = yield* Deferred.make<void>()
        const services = yield* Layer.build(Layer.fresh(Layer.merge(layerApprovals(place), WorkflowEngine.layerMemory)))
        const process = yield* Effect.provideContext(
          Effect.all({ engine: WorkflowEngine.WorkflowEngine, approvals: Approvals.Approvals }),
          services
        )
        const dying = deaths[name]?.(process, Deferred.succeed(reached, undefined)) ?? process
        yield* TransferLive.pipe(
          Layer.provide(ApprovalWorkflow.layer(place)),
          Layer.provide(Layer.succeed(Approvals.Approvals, dying.approvals)),
          Layer.provide(
            Layer.succeed(WorkflowEngine.WorkflowEngine, { ...dying.engine, register: process.engine.register })
          ),
          Layer.fresh,
          Layer.build
        )
        const transfer = yield* Effect.forkChild(Effect.provideContext(Transfer.execute({ id: "17" }), services))
        yield* Deferred.await(reached)
        expect(yield* countDeferreds(place)).toBe(1)
        yield* Effect.provideContext(Layer.build(Layer.fresh(ApprovalWorkflow.layer(place))), services)
        expect(yield* Fiber.join(transfer)).toMatchObject({ subject: "jo", status: "Verified" })
        yield* untilDeferreds(place, 0)
        expect(yield* countRequests("backchannel")).toBe(1)
      }).pipe(provide({ user: TestUser.approve({ subject: "jo" }) }))
    )
  })

  describe("a journal in the same database", () => {
    it.effect("takes a workflow over from a process that died while it slept, and holds no token and no hint", () =>
      Effect.gen(function* () {
        const place = yield* makePlace
        const first = yield* startProcess(place, EngineLive)
        yield* first.begin("17")
        yield* untilDeferreds(place, 1)
        yield* first.kill
        const provider = yield* TestProvider.TestProvider
        const handles = (yield* provider.pending).map(({ authReqId }) => Redacted.value(authReqId))
        yield* provider.approve()
        const second = yield* startProcess(place, EngineLive)
        expect(yield* second.execute("17")).toMatchObject({ status: "Verified" })
        yield* untilDeferreds(place, 0)
        expect(yield* countRequests("backchannel")).toBe(1)
        const text = yield* dump
        for (const table of ["cluster_messages", "cluster_replies"]) expect(text).toMatch(`${table} [{`)
        expect(text).toContain("ApprovalWorkflow/17")
        const secrets = [...handles, ...tokens, "jo@example.com"]
        expect(secrets.length).toBeGreaterThan(3)
        for (const secret of secrets) expect(text).not.toContain(secret)
      }).pipe(provide())
    )
  })
})
