// A ping or push to one process, while the worker of another one is frozen at one of its steps, for some time or for ever.
import { WaitStore, WaitWorker } from "@effect-ciba/durable"
import { TestProvider } from "@effect-ciba/testing"
import { Effect, Option } from "effect"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { onBoth } from "../support/Databases.ts"
import * as Freezes from "../support/Freezes.ts"
import { askAndInsert, callOther, type Mode, makeNodes, provide } from "../support/Nodes.ts"
import { type Freezing, makeProcess } from "../support/Processes.ts"

const step = 2500

/** When the end-user approves, and the provider notifies: during a sleep, or while a frozen worker has the row. */
const notifiedAt = 35_000

const play = Effect.fnUntraced(function* (mode: Mode, freezing: Freezing) {
  const nodes = yield* makeNodes
  return yield* Effect.gen(function* () {
    const store = yield* WaitStore.WaitStore
    const provider = yield* TestProvider.TestProvider
    const process = yield* makeProcess(store, freezing)
    const spare = yield* WaitWorker.make()
    const { id } = yield* askAndInsert
    let status: number | undefined
    for (let now = 0; now <= 400_000; now += step) {
      yield* TestClock.adjust(step)
      if (now === notifiedAt) {
        yield* provider.approve()
        status = yield* callOther(nodes)
      }
      yield* process.wake(now)
      yield* spare.runDue
      const isDecided = Option.isSome(yield* store.find(id))
      if (isDecided && (freezing.duration === Number.POSITIVE_INFINITY || process.isAwake(now))) break
    }
    const requests = (yield* provider.requests).filter(({ endpoint }) => endpoint === "token")
    return {
      status,
      outcome: Option.getOrUndefined(yield* store.find(id))?.outcome,
      redemptions: requests.filter((request) => request.status === 200).length,
      errors: requests.flatMap(({ error }) => (error === undefined || error === "authorization_pending" ? [] : [error]))
    }
  }).pipe(Effect.scoped, provide(nodes, mode, { expiresIn: "5 minutes" }))
})

/** The time limit of a request, and the reserve of a lease. */
const lease = 15_000

const durations = [2500, 22_500, 60_000, Number.POSITIVE_INFINITY]

const freezings = Freezes.points.flatMap((point) =>
  durations.flatMap((duration) => [1, 2].map((nth): Freezing => ({ point, nth, duration })))
)

onBoth((it) => {
  it.effect.each(freezings)(
    "a ping reaches its wait, with a worker that is frozen $point ($nth) for $duration ms (K7, K9)",
    (freezing) =>
      Effect.gen(function* () {
        const { errors, outcome, redemptions, status } = yield* play("ping", freezing)
        // Who holds tokens for longer than the lease leaves the next worker an auth_req_id that is spent.
        const isHeld = freezing.point === "before receive" && freezing.nth === 1 && freezing.duration > lease
        const expected = { status: 204, redemptions: 1, errors: isHeld ? ["invalid_grant"] : [] }
        expect({ status, redemptions, errors }).toEqual(expected)
        expect(outcome).toBe(isHeld && freezing.duration === Number.POSITIVE_INFINITY ? "Unknown" : "Verified")
      })
  )

  it.effect.each(freezings)(
    "a push reaches its wait, with a worker that is frozen $point ($nth) for $duration ms (L3, L9)",
    (freezing) =>
      Effect.gen(function* () {
        const { errors, outcome, redemptions, status } = yield* play("push", freezing)
        expect({ status, redemptions, errors }).toEqual({ status: 204, redemptions: 0, errors: [] })
        expect(outcome).toBe("Verified")
      })
  )
})
