/**
 * What happens to authentications, as it happens: for an interface that shows progress without knowing the protocol.
 *
 * **Details**
 *
 * - An event names its authentication by `id`, and holds no secret and nothing of the person.
 * - Who subscribes late, or reads slowly, misses events: the newest 4096 are kept for each subscriber.
 *
 * **Example** (A line for each step)
 *
 * ```ts
 * import { Ciba } from "@effect-ciba/core"
 * import { Console, Effect, Stream } from "effect"
 *
 * const progress = Ciba.events.pipe(Stream.runForEach((event) => Console.log(event.id, event._tag)))
 *
 * Effect.isEffect(progress) // => true
 * ```
 */
import { Context, DateTime, Effect, Layer, Metric, PubSub, Stream } from "effect"
import { monotonicNow } from "../internal/MonotonicClock.ts"
import type { CibaEvent, Step } from "./CibaEvent.ts"
import * as CibaMetrics from "./CibaMetrics.ts"

/** The steps of all authentications at hand. */
export interface Service {
  /** Tells a step of a wait that is known; the first step of a wait makes it known. */
  readonly publish: (step: Step) => Effect.Effect<void>
  /** Whether a wait is known and not decided. */
  readonly isOpen: (id: string) => boolean
  /** Counts a wait among those under way, however it ends, and once for all who wait for the same id. */
  readonly trackActive: <A, E>(id: string, wait: Effect.Effect<A, E>) => Effect.Effect<A, E>
  readonly events: Stream.Stream<CibaEvent>
}

/** Where steps are told, and heard. */
export class CibaEvents extends Context.Service<CibaEvents, Service>()("@effect-ciba/core/CibaEvents") {}

/** Tells subscribers, and counts. A wait is decided once, however many wait for it. */
export const make: Effect.Effect<Service> = Effect.gen(function* () {
  const channel = yield* PubSub.sliding<CibaEvent>(4096)
  const waiting = new Map<string, number>()
  const open = new Map<string, CibaMetrics.WaitStatistics & { readonly until: number }>()

  /** One more, or one less, who waits. Other clients in this process have their part in the gauge. */
  const changed = (id: string, by: 1 | -1): Effect.Effect<void> =>
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
        const now = DateTime.toEpochMillis(at)
        for (const [id, { until }] of open) if (until < now) open.delete(id)
        open.set(step.id, {
          since: yield* monotonicNow,
          polls: 0,
          until: DateTime.toEpochMillis(step.expiresAt) + grace
        })
      }
      const tally = open.get(step.id)
      if (tally === undefined) return
      if (step._tag === "Polled") open.set(step.id, { ...tally, polls: tally.polls + 1 })
      if (step._tag === "Completed") open.delete(step.id)
      const event: CibaEvent = { ...step, at }
      yield* CibaMetrics.record(event, tally)
      yield* PubSub.publish(channel, event)
    }),
    isOpen: (id) => open.has(id),
    trackActive: (id, wait) =>
      Effect.acquireUseRelease(
        changed(id, 1),
        () => wait,
        () => changed(id, -1)
      ),
    events: Stream.fromPubSub(channel)
  })
})

/** The same as a layer. */
export const layer = (): Layer.Layer<CibaEvents> => Layer.effect(CibaEvents, make)

/** How long after its expiry a wait may still be decided, in milliseconds. */
const grace = 600_000
