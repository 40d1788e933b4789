// A workflow that asks for an approval, and the processes that run it.
import { UserHint } from "@effect-ciba/core"
import { Approvals, WaitStore, WaitWorker } from "@effect-ciba/durable"
import * as ApprovalWorkflow from "@effect-ciba/durable/ApprovalWorkflow"
import { Context, Effect, Exit, Layer, Redacted, Schema, Scope } from "effect"
import { ClusterWorkflowEngine, SingleRunner } from "effect/cluster"
import { Digest } from "effect/crypto"
import { Workflow, type WorkflowEngine } from "effect/workflow"
import { makeOptions } from "./TestApproval.ts"

export const Transfer = Workflow.make("Transfer", {
  payload: { id: Schema.String },
  success: Schema.Struct({ subject: Schema.String, status: Schema.String }),
  error: ApprovalWorkflow.AskError,
  idempotencyKey: ({ id }) => id
})

/** What transfers were made with. */
export const tokens = new Set<string>()

export const TransferLive = Transfer.toLayer(
  Effect.fnUntraced(function* ({ id }) {
    const workflow = yield* ApprovalWorkflow.ApprovalWorkflow
    const approvals = yield* Approvals.Approvals
    const hint = UserHint.login(id === "unknown" ? "no-one" : "jo@example.com")
    const { key, status } = yield* workflow.ask(id, { scope: ["openid"], hint })
    const { accessToken, idToken, subject } = yield* Effect.orDie(approvals.result(key))
    for (const token of [accessToken, idToken]) tokens.add(Redacted.value(token))
    return { subject, status }
  })
)

export const makePlace = Effect.map(makeOptions, (made) => ({ ...made, interval: 20 }))

export type Place = Effect.Success<typeof makePlace>

/** The approvals of a process with a worker. */
export const layerApprovals = (place: Place) =>
  Layer.merge(Approvals.layer(place), WaitWorker.layer({ claimInterval: "20 millis" })).pipe(
    Layer.provide(WaitStore.layer(place))
  )

/** The engine that Effect has for programs in one process: its journal is in the database of the context. */
export const EngineLive = ClusterWorkflowEngine.layer.pipe(
  Layer.provideMerge(SingleRunner.layer({ runnerStorage: "memory", shardingConfig: { shardsPerGroup: 4 } })),
  Layer.provide(Digest.layerWebCrypto)
)

/** A process with an engine, until it is killed. */
export const startProcess = Effect.fnUntraced(function* <E, R>(
  place: Place,
  engine: Layer.Layer<WorkflowEngine.WorkflowEngine, E, R>
) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const context = yield* TransferLive.pipe(
    Layer.provide(ApprovalWorkflow.layer(place)),
    Layer.provideMerge(layerApprovals(place)),
    Layer.provideMerge(engine),
    Layer.fresh,
    Layer.buildWithScope(scope)
  )
  return {
    approvals: Context.get(context, Approvals.Approvals),
    /** Another one completes deferreds, too. */
    complete: Effect.provideContext(Layer.build(Layer.fresh(ApprovalWorkflow.layer(place))), context),
    execute: (id: string) => Effect.provideContext(Transfer.execute({ id }), context),
    begin: (id: string) => Effect.provideContext(Transfer.execute({ id }, { discard: true }), context),
    kill: Scope.close(scope, Exit.void)
  }
})
