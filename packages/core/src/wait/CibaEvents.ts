/** Publishes the events of a client's authentications, and records them in the metrics. */
import { Clock, Context, DateTime, Effect, Layer, Metric, PubSub, Stream } from "effect"
import { monotonicNow } from "../internal/MonotonicClock.ts"
import * as Sweep from "../internal/Sweep.ts"
import type { CibaEvent, Step } from "./CibaEvent.ts"
import * as CibaMetrics from "./CibaMetrics.ts"

/** The events of all authentications of a client. */
export interface Service {
  /** Publishes a step with the current time. A wait is opened by `Acknowledged` or `Resumed`; steps of others are dropped. */
  readonly publish: (step: Step) => Effect.Effect<void>
  /** Whether a wait has been opened and is not completed. */
  readonly isOpen: (id: string) => boolean
  /** Counts a wait as pending while it runs; concurrent waits for the same `id` count once. */
  readonly trackActive: <A, E>(id: string, wait: Effect.Effect<A, E>) => Effect.Effect<A, E>
  readonly events: Stream.Stream<CibaEvent>
}

/** The events of all authentications of a client. */
export class CibaEvents extends Context.Service<CibaEvents, Service>()("@effect-ciba/core/CibaEvents") {}

/** Each subscriber has a buffer of 4096 events, from which the oldest are dropped. */
export const make: Effect.Effect<Service> = Effect.gen(function* () {
  const channel = yield* PubSub.sliding<CibaEvent>(4096)
  const waiting = new Map<string, number>()
  const open = new Map<string, CibaMetrics.WaitStatistics & { readonly until: number }>()
  const removeExpired = Effect.map(Clock.currentTimeMillis, (now) => {
    for (const [id, { until }] of open) if (until < now) open.delete(id)
  })
  const sweep = Sweep.make(() => open.size, removeExpired)

  /** The gauge is changed by the difference: it is shared with the other clients of the process. */
  const countWaiting = (id: string, by: 1 | -1): Effect.Effect<void> =>
    Effect.suspend(() => {
      const before = waiting.size
      const count = (waiting.get(id) ?? 0) + by
      if (count === 0) waiting.delete(id)
      else waiting.set(id, count)
      return Metric.modify(CibaMetrics.pending, waiting.size - before)
    })

  return CibaEvents.of({
    publish: Effect.fnUntraced(function* (step) {
      const at = yield* DateTime.now
      if (step._tag === "Acknowledged" || step._tag === "Resumed") {
        yield* sweep
        const until = DateTime.toEpochMillis(step.expiresAt) + retention
        open.set(step.id, { since: yield* monotonicNow, polls: 0, until })
      }
      const statistics = open.get(step.id)
      if (statistics === undefined) return
      if (step._tag === "Polled") open.set(step.id, { ...statistics, polls: statistics.polls + 1 })
      if (step._tag === "Completed") open.delete(step.id)
      const event: CibaEvent = { ...step, at }
      yield* CibaMetrics.record(event, statistics)
      yield* PubSub.publish(channel, event)
    }),
    isOpen: (id) => open.has(id),
    trackActive: (id, wait) =>
      Effect.acquireUseRelease(
        countWaiting(id, 1),
        () => wait,
        () => countWaiting(id, -1)
      ),
    events: Stream.fromPubSub(channel)
  })
})

export const layer = (): Layer.Layer<CibaEvents> => Layer.effect(CibaEvents, make)

/** How long after its expiry a wait may still be completed, in milliseconds. */
const retention = 600_000
