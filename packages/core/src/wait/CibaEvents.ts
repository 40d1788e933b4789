/** Publishes the events of a client's authentications, and records them in the metrics. An event without a subscriber is not made. */
import { Clock, Context, DateTime, Effect, Layer, type Stream } from "effect"
import * as Broadcast from "../internal/Broadcast.ts"
import { monotonicNow } from "../internal/MonotonicClock.ts"
import * as Sweep from "../internal/Sweep.ts"
import { type CibaEvent, Step } from "./CibaEvent.ts"
import * as MetricRecorder from "./MetricRecorder.ts"

/** The events of all authentications of a client. */
export interface Service {
  /** Opens a wait: its steps count from here until it is completed, and those of others do not. */
  readonly open: (step: Extract<Step, { readonly _tag: "Acknowledged" | "Resumed" }>) => Effect.Effect<void>
  /** Whether a wait has been opened and is not completed. */
  readonly isOpen: (id: string) => boolean
  /** Publishes a step of an open wait with the current time. It is made only if there is a subscriber. */
  readonly publish: (id: string, makeStep: () => Step, context: Context.Context<never>) => void
  /** Publishes that a poll is sent, and counts it. */
  readonly publishPoll: (id: string, context: Context.Context<never>) => void
  /** Publishes a fault after which the wait continues, and counts it. */
  readonly publishFault: (fault: Omit<Fault, "_tag">, context: Context.Context<never>) => void
  /** Publishes how an open wait ended, and counts it. */
  readonly complete: (id: string, outcome: string) => Effect.Effect<void>
  readonly events: Stream.Stream<CibaEvent>
}

type Fault = Extract<Step, { readonly _tag: "PollFailed" }>

/** The events of all authentications of a client. */
export class CibaEvents extends Context.Service<CibaEvents, Service>()("@effect-ciba/core/CibaEvents") {}

/** Each subscriber has a buffer of 4096 events, from which the oldest are dropped. */
export const make: Effect.Effect<Service> = Effect.sync(() => {
  const events = Broadcast.make<CibaEvent>(4096)
  const metrics = MetricRecorder.make()
  const open = new Map<string, OpenWait>()
  const removeExpired = Effect.map(monotonicNow, (now) => {
    for (const [id, { until }] of open) if (until < now) open.delete(id)
  })
  const sweep = Sweep.make(() => open.size, removeExpired)

  const publish: Service["publish"] = (id, makeStep, context) => {
    if (!events.hasSubscribers() || !open.has(id)) return
    const at = DateTime.makeUnsafe(Context.get(context, Clock.Clock).currentTimeMillisUnsafe())
    events.publish({ ...makeStep(), at })
  }

  return CibaEvents.of({
    open: (step) =>
      Effect.andThen(
        sweep,
        Effect.withFiber(({ context }) => {
          const clock = Context.get(context, Clock.Clock)
          const since = now(clock)
          const left = DateTime.toEpochMillis(step.expiresAt) - clock.currentTimeMillisUnsafe()
          open.set(step.id, { since, polls: 0, until: Math.ceil(since + left + retention) })
          publish(step.id, () => step, context)
          return Effect.void
        })
      ),
    isOpen: (id) => open.has(id),
    publish,
    publishPoll: (id, context) => {
      const wait = open.get(id)
      if (wait !== undefined) wait.polls += 1
      publish(id, () => Step.Polled({ id }), context)
    },
    publishFault: (fault, context) => {
      if (open.has(fault.id)) metrics.recordFault(fault.kind, context)
      publish(fault.id, () => Step.PollFailed(fault), context)
    },
    complete: (id, outcome) =>
      Effect.withFiber(({ context }) => {
        const wait = open.get(id)
        if (wait === undefined) return Effect.void
        publish(id, () => Step.Completed({ id, outcome }), context)
        open.delete(id)
        const seconds = (now(Context.get(context, Clock.Clock)) - wait.since) / 1000
        metrics.recordDecision({ outcome, seconds, polls: wait.polls }, context)
        return Effect.void
      }),
    events: events.values
  })
})

/** The events of one client. */
export const layer = (): Layer.Layer<CibaEvents> => Layer.effect(CibaEvents, make)

/** On the monotonic clock, in whole milliseconds. */
const now = (clock: Clock.Clock): number => Math.round(Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000)

interface OpenWait {
  /** On the monotonic clock, in whole milliseconds. */
  readonly since: number
  polls: number
  readonly until: number
}

/** How long after its expiry a wait may still be completed, in milliseconds. */
const retention = 600_000
