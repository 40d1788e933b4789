/**
 * A time limit that is the same for all calls: a single sleeping fiber serves all that are under way. `Effect.timeoutOrElse`
 * has two fibers and a timer for each call.
 */
import { Clock, Context, Duration, Effect, Fiber } from "effect"
import { memoize } from "effect/Function"
import * as Timeline from "../internal/Timeline.ts"

/** Interrupts a call that lasts beyond the limit, and fails in its place once it has ended. */
export type TimeLimit = <A, E>(call: Effect.Effect<A, E>, toError: () => E) => Effect.Effect<A, E>

/** The same call for a fiber that is interrupted at the limit by who runs it: none is set here, which would cost another fiber. */
export const keep = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateContext(call, addKept)

/** A limit of this duration, on the clock of each caller. */
export const make = (duration: Duration.Duration): TimeLimit => {
  const millis = Duration.toMillis(duration)
  const timelineOf = Timeline.makeTimelines()
  return (call, toError) =>
    Effect.withFiber((caller) => {
      if (caller.getRef(IsKept)) return call
      const timeline = timelineOf(caller.getRef(Clock.Clock))
      return Effect.callback((resume) => {
        const dueAt = timeline.now() + millis
        const fiber = Effect.runForkWith(caller.context)(call)
        let isLate = false
        const entry: Timeline.Entry = {
          at: 0,
          index: -1,
          onDue: () => {
            isLate = true
            fiber.interruptUnsafe()
          }
        }
        timeline.set(entry, dueAt, caller.context)
        fiber.addObserver((exit) => {
          timeline.set(entry, undefined, caller.context)
          resume(isLate && exit._tag === "Failure" ? Effect.fail(toError()) : exit)
        })
        return Fiber.interrupt(fiber)
      })
    })
}

const IsKept = Context.Reference("@effect-ciba/core/TimeLimit/IsKept", { defaultValue: () => false })

/** The same context for each call of a caller: what is prepared for a context is found again. */
const addKept = memoize(<R>(caller: Context.Context<R>): Context.Context<R> => Context.add(caller, IsKept, true))
