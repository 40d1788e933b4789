/**
 * What is due on one clock, the earliest first: a single fiber sleeps until then, and none if nothing is due.
 */
import { type Clock, Context, Duration, Effect, Exit, type Fiber, Scheduler } from "effect"
import { memoize } from "effect/Function"
import * as Heap from "./Heap.ts"
import { monotonicNowUnsafe } from "./MonotonicClock.ts"

/** What can be due. */
export interface Entry extends Heap.Entry {
  /** Called with the entry when it is due, and in no timeline any more. */
  onDue(self: this): void
}

export interface Timeline {
  /** Now on the monotonic clock, in whole milliseconds, rounded up: what is due then is not early. */
  readonly now: () => number
  /** When an entry is due next, or `undefined`. The fiber that sleeps has the scheduler of `context`. */
  readonly set: (entry: Entry, at: number | undefined, context: Context.Context<never>) => void
}

const make = (clock: Clock.Clock): Timeline => {
  const heap = Heap.make<Entry>()
  let sleeper: Fiber.Fiber<void> | undefined
  /** When the sleeper is to wake: `idle` without one, `awake` while it calls `onDue`. */
  let wakesAt = idle

  const exactNow = (): number => monotonicNowUnsafe(clock)

  const run: Effect.Effect<void> = Effect.suspend(() => {
    wakesAt = awake
    for (let count = 0; ; count++) {
      const first = heap.first()
      const left = (first?.at ?? idle) - exactNow()
      if (first === undefined || left > 0) {
        wakesAt = first?.at ?? idle
        return first === undefined ? Effect.void : Effect.andThen(clock.sleep(Duration.millis(Math.ceil(left))), run)
      }
      if (count === batch) {
        wakesAt = exactNow()
        return Effect.andThen(Effect.yieldNow, run)
      }
      heap.remove(first)
      first.onDue(first)
    }
  })

  const arm = (context: Context.Context<never>): void => {
    const at = heap.first()?.at ?? idle
    const isInTime = wakesAt === at || (at !== idle && wakesAt < at)
    if (wakesAt === awake || (isInTime && exactNow() - wakesAt < lossLimit)) return
    const last = sleeper
    sleeper = undefined
    wakesAt = idle
    last?.interruptUnsafe()
    if (at !== idle) sleep(Context.make(Scheduler.Scheduler, Context.get(context, Scheduler.Scheduler)))
  }

  /** The sleeper outlives the caller that needs it first, and so has nothing of its context but the scheduler. */
  const sleep = (context: Context.Context<never>): void => {
    const fiber = Effect.runForkWith(context)(run)
    sleeper = fiber
    fiber.addObserver((exit) => {
      if (sleeper !== fiber || Exit.isSuccess(exit)) return
      // `onDue` has thrown, or the sleep was interrupted: what is due next does not suffer from it.
      const goesOn = wakesAt === awake || Exit.hasInterrupts(exit)
      sleeper = undefined
      wakesAt = idle
      if (goesOn) arm(context)
    })
  }

  return {
    now: () => Math.ceil(exactNow()),
    set: (entry, at, context) => {
      if (at === undefined) heap.remove(entry)
      else heap.set(entry, at)
      arm(context)
    }
  }
}

/**
 * Timelines by clock. Each client has its own: on workerd a timer belongs to the request that set it, and what waits for that
 * of another request hangs.
 */
export const makeTimelines = (): ((clock: Clock.Clock) => Timeline) => memoize(make)

const idle = Number.POSITIVE_INFINITY

const awake = Number.NEGATIVE_INFINITY

/** How late a sleeper is, in milliseconds, before it counts as lost. A runtime may drop the timer with what has set it. */
const lossLimit = 1000

/** After how many entries other fibers have their turn. */
const batch = 64
