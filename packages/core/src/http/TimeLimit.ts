/**
 * A time limit that is the same for all calls: the one that began first is due first, so that a single sleeping fiber serves
 * all that are under way. `Effect.timeoutOrElse` has two fibers and a timer for each call.
 */
import { Clock, Context, Duration, Effect, Exit, Fiber, Scheduler } from "effect"
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
      return Effect.callback((resume) => {
        const dueAt = clock.monotonicTimeNanosUnsafe() + nanos
        const fiber = Effect.runForkWith(caller.context)(call)
        let isLate = false
        const interrupt = () => {
          isLate = true
          fiber.interruptUnsafe()
        }
        const leave = queueOf(clock)({ dueAt, interrupt }, caller.getRef(Scheduler.Scheduler))
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

/** Adds a call, and gives the function that removes it. */
type Queue = (call: Call, scheduler: Scheduler.Scheduler) => () => void

/** The calls that are timed by one clock, in the order in which they are due. A fiber sleeps as long as there are any. */
const makeQueue = (clock: Clock.Clock): Queue => {
  const calls = new Set<Call>()
  let hasSleeper = false
  let sleeper: Fiber.Fiber<void> | undefined

  const sleep: Effect.Effect<void> = Effect.suspend(() => {
    const [first] = calls
    if (first === undefined) return Effect.void
    const left = first.dueAt - clock.monotonicTimeNanosUnsafe()
    if (left > 0n) return Effect.andThen(clock.sleep(toWholeMillis(left)), sleep)
    calls.delete(first)
    first.interrupt()
    return sleep
  })

  /** The sleeper outlives the call that needs it first, and so has nothing of its context but the scheduler. */
  const ensureSleeper = (scheduler: Scheduler.Scheduler): void => {
    if (hasSleeper) return
    hasSleeper = true
    sleeper = Effect.runForkWith(Context.make(Scheduler.Scheduler, scheduler))(sleep)
    sleeper.addObserver((exit) => {
      hasSleeper = false
      // A call may begin while the sleeper, about to be interrupted, ends the last one.
      if (calls.size > 0 && Exit.hasInterrupts(exit)) ensureSleeper(scheduler)
    })
  }

  return (call, scheduler) => {
    calls.add(call)
    ensureSleeper(scheduler)
    return () => {
      calls.delete(call)
      if (calls.size === 0) sleeper?.interruptUnsafe()
    }
  }
}

/** Rounded up: a timer that has no fractions would wake the sleeper early. */
const toWholeMillis = (nanos: bigint): Duration.Duration => Duration.millis(Number((nanos + 999_999n) / 1_000_000n))
