/**
 * A time limit that is the same for all calls: the one that began first is due first, so that a single sleeping fiber serves
 * all that are under way. `Effect.timeoutOrElse` has two fibers and a timer for each call.
 */
import { Clock, Duration, Effect, Fiber } from "effect"
import { memoize } from "effect/Function"

/** Interrupts a call that lasts beyond the limit, and fails in its place once it has ended. */
export type TimeLimit = <A, E>(call: Effect.Effect<A, E>, toError: () => E) => Effect.Effect<A, E>

/** A limit of this duration. */
export const make = (duration: Duration.Duration): TimeLimit => {
  const nanos = Duration.toNanosUnsafe(duration)
  const queueOf = memoize(makeQueue)
  return (call, toError) =>
    Effect.withFiber((caller) => {
      const clock = caller.getRef(Clock.Clock)
      const run = Effect.runForkWith(caller.context)
      return Effect.callback((resume) => {
        const dueAt = clock.monotonicTimeNanosUnsafe() + nanos
        const fiber = run(call)
        let isLate = false
        const interrupt = () => {
          isLate = true
          fiber.interruptUnsafe()
        }
        const leave = queueOf(clock)({ dueAt, interrupt }, run)
        fiber.addObserver((exit) => {
          leave()
          resume(isLate && exit._tag === "Failure" ? Effect.fail(toError()) : exit)
        })
        return Fiber.interrupt(fiber)
      })
    })
}

/** A call that is under way. */
interface Call {
  /** In nanoseconds of the monotonic clock. */
  readonly dueAt: bigint
  readonly interrupt: () => void
}

/** Adds a call, and gives the function that removes it. The fiber that sleeps, if one is needed, is made by `run`. */
type Queue = (call: Call, run: (sleep: Effect.Effect<void>) => Fiber.Fiber<void>) => () => void

/** The calls that are timed by one clock, in the order in which they are due. A fiber sleeps as long as there are any. */
const makeQueue = (clock: Clock.Clock): Queue => {
  const calls = new Set<Call>()
  let sleeper: Fiber.Fiber<void> | undefined

  const sleep: Effect.Effect<void> = Effect.suspend(() => {
    const [first] = calls
    if (first === undefined) return Effect.void
    const left = first.dueAt - clock.monotonicTimeNanosUnsafe()
    if (left > 0n) return Effect.andThen(clock.sleep(Duration.nanos(left)), sleep)
    calls.delete(first)
    first.interrupt()
    return sleep
  })

  return (call, run) => {
    calls.add(call)
    if (calls.size === 1) sleeper = run(sleep)
    return () => {
      calls.delete(call)
      if (calls.size === 0) sleeper?.interruptUnsafe()
    }
  }
}
