// Two workers that are frozen at one of their steps, for some time or for ever.
import { WaitStore, WaitWorker } from "@effect-ciba/durable"
import { TestProvider, TestUser } from "@effect-ciba/testing"
import { Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { onBoth } from "../support/Databases.ts"
import * as Freezes from "../support/Freezes.ts"
import { type Freezing, makeProcess } from "../support/Processes.ts"
import { initiate, makeCiba, makeStore } from "../support/TestApproval.ts"

const step = 2500

const play = Effect.fnUntraced(function* (freezings: ReadonlyArray<Freezing>) {
  const store = yield* WaitStore.WaitStore
  const provider = yield* TestProvider.TestProvider
  const processes = yield* Effect.forEach(freezings, (freezing) => makeProcess(store, freezing))
  const spare = yield* WaitWorker.make()
  const { id } = yield* initiate
  for (let now = 0; now <= 600_000; now += step) {
    yield* TestClock.adjust(step)
    yield* Effect.forEach(processes, ({ wake }) => wake(now))
    yield* spare.runDue
    const isDecided = Option.isSome(yield* store.find(id))
    if (isDecided && freezings.every(({ duration }, n) => duration === Infinity || processes[n]?.isAwake(now))) break
  }
  const requests = (yield* provider.requests).filter(({ endpoint }) => endpoint === "token")
  return {
    areFrozen: yield* Effect.forEach(processes, ({ isFrozen }) => isFrozen),
    outcome: Option.getOrUndefined(yield* store.find(id))?.outcome,
    redemptions: requests.filter(({ status }) => status === 200).length,
    slowDowns: requests.filter(({ error }) => error === "slow_down").length,
    leastGap: Math.min(...requests.slice(1).map(({ at }, index) => at - (requests[index]?.at ?? 0)))
  }
}, Effect.scoped)

const provide = Effect.provide(
  Layer.fresh(
    Layer.merge(
      makeCiba({ user: TestUser.approve({ after: "42 seconds" }), expiresIn: "2 minutes" }),
      Layer.effect(WaitStore.WaitStore, makeStore)
    )
  )
)

const durations = [2500, 5000, 15_000, 22_500, 60_000, 250_000, Number.POSITIVE_INFINITY]

const countOf = (point: Freezes.Point) => (point.endsWith("claim") ? 3 : point.endsWith("report") ? 2 : 1)

const single = Freezes.points.flatMap((point) =>
  durations.flatMap((duration) =>
    Array.from({ length: countOf(point) }, (_, index): Freezing => ({ point, nth: index + 1, duration }))
  )
)

/** Tokens that are held for a minute, and the other worker frozen as well: before its end, or beyond it. */
const holding: Freezing = { point: "before receive", nth: 1, duration: 60_000 }
const pairs = Freezes.points.flatMap((point) => durations.map((duration): Freezing => ({ point, nth: 1, duration })))

onBoth((it) => {
  it.effect.each(single)(
    "a worker that is frozen $point ($nth) for $duration ms costs no second poll and no tokens (H2, H19)",
    (freezing) =>
      Effect.gen(function* () {
        const { areFrozen, leastGap, outcome, redemptions, slowDowns } = yield* play([freezing])
        expect(areFrozen).toEqual([true])
        expect({ redemptions, slowDowns }).toEqual({ redemptions: 1, slowDowns: 0 })
        expect(leastGap).toBeGreaterThanOrEqual(5000)
        const isLost = freezing.point === "before receive" && freezing.duration === Number.POSITIVE_INFINITY
        expect(outcome).toBe(isLost ? "Unknown" : "Verified")
      }).pipe(provide)
  )

  it.effect.each(pairs)(
    "tokens that a frozen worker holds are stored, with another one frozen $point for $duration ms (H2, H19)",
    (other) =>
      Effect.gen(function* () {
        const { areFrozen, leastGap, outcome, redemptions, slowDowns } = yield* play([holding, other])
        expect(areFrozen[0]).toBe(true)
        expect({ redemptions, slowDowns }).toEqual({ redemptions: 1, slowDowns: 0 })
        expect(leastGap).toBeGreaterThanOrEqual(5000)
        expect(outcome).toBe("Verified")
      }).pipe(provide)
  )
})
