// A process with a worker that is frozen at one of its steps, for some time or for ever.
import { WaitStore, WaitWorker } from "@effect-ciba/durable"
import { Deferred, Effect, Fiber } from "effect"
import * as Freezes from "./Freezes.ts"

export interface Freezing {
  readonly point: Freezes.Point
  readonly nth: number
  /** In milliseconds; `Infinity` for a process that dies. */
  readonly duration: number
}

/** A process with a worker: a pass that is over, or that is frozen until `thawAt`. */
export const makeProcess = Effect.fnUntraced(function* (store: WaitStore.Service, { duration, nth, point }: Freezing) {
  const freeze = yield* Freezes.make(store, point, nth)
  const worker = yield* Effect.provideService(WaitWorker.make(), WaitStore.WaitStore, freeze.store)
  const isFrozen = Deferred.isDone(freeze.frozen)
  let thawAt: number | undefined
  let pass: Fiber.Fiber<unknown, unknown> | undefined

  const runDue = Effect.gen(function* () {
    pass = yield* Effect.forkScoped(worker.runDue)
    yield* Effect.raceFirst(Fiber.await(pass), Deferred.await(freeze.frozen))
  })
  const wake = (now: number) =>
    Effect.gen(function* () {
      if (thawAt !== undefined && now < thawAt) return
      if (thawAt !== undefined && pass !== undefined) {
        yield* freeze.thaw
        yield* Fiber.await(pass)
      }
      yield* runDue
      if (thawAt === undefined && (yield* isFrozen)) thawAt = now + duration
    })
  return { wake, isFrozen, isAwake: (now: number) => thawAt === undefined || now >= thawAt }
})
