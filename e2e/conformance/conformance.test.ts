import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { NotificationInbox } from "@effect-ciba/core"
import { NodeNotificationServer } from "@effect-ciba/platform-node"
import { Deferred, Effect, Exit, Layer, Redacted, Scope } from "effect"
import * as Loopback from "../Loopback.ts"
import * as Application from "./Application.ts"
import * as ConformanceProvider from "./ConformanceProvider.ts"
import { type Cell, cells, type Module, modules, prefix } from "./Module.ts"
import * as NaiveClient from "./NaiveClient.ts"
import * as NaiveEndpoint from "./NaiveEndpoint.ts"
import { nameOf } from "./Variant.ts"

interface Verdict {
  readonly outcome: string
  readonly failures: ReadonlyArray<string>
}

interface Verdicts {
  readonly own: Verdict
  readonly naive: Verdict
  readonly flawed: Verdict
}

/** Runs the modules, one after another or many at once, in one process. */
const makeRun = Effect.gen(function* () {
  const provider = yield* ConformanceProvider.make
  const { certificate, privateKey } = provider.server
  const port = yield* Loopback.freePort
  const server = NodeNotificationServer.layer({
    path: "/ciba",
    port,
    host: "127.0.0.1",
    tls: { certificate, privateKey: Redacted.make(privateKey) }
  })
  const inbox = yield* Layer.build(Layer.provideMerge(server, NotificationInbox.layer))
  const makeEndpoint = yield* NaiveEndpoint.make(provider.server)

  const judge = Effect.fnUntraced(function* (
    { module, variant }: Cell,
    endpoint: string,
    client: (world: Application.World) => Effect.Effect<string>
  ) {
    const { failures, over, world } = yield* provider.start(module, variant, endpoint)
    const outcome = yield* Effect.raceFirst(client(world), Effect.as(over, "waits on"))
    const verdict: Verdict = { outcome, failures: yield* failures }
    return verdict
  })
  const own = (cell: Cell) =>
    judge(cell, `https://127.0.0.1:${port}/ciba`, (world) =>
      Effect.provideContext(Application.run(cell.variant, world), inbox)
    )
  const naive = Effect.fnUntraced(function* (cell: Cell, flaw?: string) {
    const endpoint = yield* makeEndpoint(flaw === "ping-with-invalid-bearer-token-test")
    return yield* judge(cell, endpoint.url, (world) => NaiveClient.run(cell.variant, world, endpoint, flaw))
  })
  return (cell: Cell): Effect.Effect<Verdicts> =>
    Effect.all(
      { own: own(cell), naive: naive(cell), flawed: naive(cell, cell.module.name) },
      { concurrency: "unbounded" }
    )
})

const scope = Effect.runSync(Scope.make())
// A signature that no key fits is verified again for two minutes, in case that new keys are published: those cells start first.
const isSlow = ({ module }: Cell) => module.name === "invalid-signature-test"
const inOrder = [...cells.filter(isSlow), ...cells.filter((cell) => !isSlow(cell))]
const verdicts = new Map(inOrder.map((cell) => [cell, Effect.runSync(Deferred.make<Verdicts>())]))

beforeAll(() =>
  Effect.gen(function* () {
    const run = yield* makeRun
    yield* Effect.forEach(verdicts, ([cell, verdict]) => Deferred.into(run(cell), verdict), {
      concurrency: 24,
      discard: true
    }).pipe(Effect.forkScoped)
  }).pipe(Scope.provide(scope), Effect.runPromise)
)

afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

const naiveOutcome = ({ outcome }: Module) => ({ approved: "finished", "waits on": "waits on" })[outcome] ?? "refused"

describe.each(modules)("$name", (module) => {
  for (const [cell, verdict] of verdicts) {
    if (cell.module !== module) continue
    it.live(
      `${prefix}${module.name}, ${nameOf(cell.variant)}: the client passes, and one that is flawed fails`,
      () =>
        Effect.gen(function* () {
          const { flawed, naive, own } = yield* Deferred.await(verdict)
          expect(own).toEqual({ outcome: module.outcome, failures: [] })
          expect(naive).toEqual({ outcome: naiveOutcome(module), failures: [] })
          expect(flawed.failures).not.toEqual([])
        }),
      180_000
    )
  }
})
