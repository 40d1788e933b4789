/**
 * A time limit that is the same for all calls: a single sleeping fiber serves all that are under way. `Effect.timeoutOrElse`
 * has two fibers and a timer for each call.
 */
import { Clock, Duration, Effect, Fiber } from "effect"
import * as Timeline from "../internal/Timeline.ts"

/** Interrupts a call that lasts beyond the limit, and fails in its place once it has ended. */
export type TimeLimit = <A, E>(call: Effect.Effect<A, E>, toError: () => E) => Effect.Effect<A, E>

/** A limit of this duration, on the clock of each caller. */
export const make = (duration: Duration.Duration): TimeLimit => {
  const millis = Duration.toMillis(duration)
  const timelineOf = Timeline.makeTimelines()
  return (call, toError) =>
    Effect.withFiber((caller) => {
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
