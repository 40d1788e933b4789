// A process that is frozen at one of its steps, and goes on later.
import type { WaitStore } from "@effect-ciba/durable"
import { Deferred, Effect } from "effect"

/** Where a worker can be frozen: before a call of the store, when nothing has been written, or after it. */
export const points = [
  "before claim",
  "after claim",
  "before report",
  "after report",
  "before receive",
  "after receive",
  "before decide",
  "after decide"
] as const

export type Point = (typeof points)[number]

export interface Freeze {
  /** The store as the frozen worker uses it. */
  readonly store: WaitStore.Service
  /** Done when the worker is frozen. */
  readonly frozen: Deferred.Deferred<void>
  readonly thaw: Effect.Effect<boolean>
}

/** Freezes at the `nth` time that the point is reached. */
export const make = Effect.fnUntraced(function* (store: WaitStore.Service, point: Point, nth: number) {
  const frozen = yield* Deferred.make<void>()
  const thawed = yield* Deferred.make<void>()
  let count = 0
  const reach = (reached: Point) =>
    Effect.suspend(() => {
      if (reached !== point || ++count !== nth) return Effect.void
      return Effect.andThen(Deferred.succeed(frozen, undefined), Deferred.await(thawed))
    })
  const around = <A, E>(name: "claim" | "report" | "receive" | "decide", call: Effect.Effect<A, E>) =>
    Effect.andThen(
      reach(`before ${name}`),
      Effect.tap(call, () => reach(`after ${name}`))
    )
  const frozenStore: WaitStore.Service = {
    ...store,
    // A pass that claims nothing is no step of a wait.
    claim: (options) =>
      Effect.andThen(
        reach("before claim"),
        Effect.tap(store.claim(options), ({ length }) => (length > 0 ? reach("after claim") : Effect.void))
      ),
    report: (progress) => around("report", store.report(progress)),
    receive: (...received) => around("receive", store.receive(...received)),
    decide: (...decided) => around("decide", store.decide(...decided))
  }
  const freeze: Freeze = { store: frozenStore, frozen, thaw: Deferred.succeed(thawed, undefined) }
  return freeze
})
