/**
 * A `TestClock` that waits for real asynchronous work: signatures, digests and encryption by WebCrypto.
 *
 * **When to use**
 *
 * It is part of `CibaTest.layer`. Alone, it is for programs with a wiring of their own.
 *
 * **Details**
 *
 * - `advance` stops at each instant for which a fiber sleeps, and goes on when all that follows from it is done: calls of
 *   WebCrypto, and what takes 100 turns of the event loop at most. Nothing happens late, and no time-out fires early.
 * - `fastForward` needs no duration: it skips to the next instant whenever the effect can only wait.
 * - `adjust` and `setTime` of Effect's `TestClock` do the same as long as this layer is provided. It replaces another
 *   `TestClock`, such as that of `it.effect`, and begins at 0.
 *
 * **Gotchas**
 *
 * - Other work, such as the reading of a file, may take longer than 100 turns. Await it before time passes.
 * - Fibers that began outside of the layer sleep on another clock.
 *
 * **Example** (An hour, and a wait of unknown duration)
 *
 * ```ts
 * import { TestTime } from "@effect-ciba/testing"
 * import { Clock, Effect, Fiber } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const fiber = yield* Effect.forkChild(Effect.delay(Clock.currentTimeMillis, "30 minutes"))
 *   yield* TestTime.advance("1 hour")
 *   const first = yield* Fiber.join(fiber)
 *   return [first, yield* TestTime.fastForward(Effect.delay(Clock.currentTimeMillis, "1 minute"))]
 * })
 *
 * await Effect.runPromise(Effect.provide(program, TestTime.layer)) // => [1800000, 3660000]
 * ```
 */
import { Clock, Context, Duration, Effect, Fiber, Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import * as CryptoWork from "./internal/CryptoWork.ts"

/**
 * How time passes in a test.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Service {
  /** Waits, without the clock, until fibers can only go on with time. */
  readonly settle: Effect.Effect<void>
  /** Lets this time pass. */
  readonly advance: (duration: Duration.Input) => Effect.Effect<void>
  /** Runs the effect, and lets time pass until it is done. */
  readonly fastForward: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * The time of a test.
 *
 * @since 0.1.0
 * @stability unstable
 */
export class TestTime extends Context.Service<TestTime, Service>()("@effect-ciba/testing/TestTime") {}

/**
 * Waits, without the clock, until fibers can only go on with time.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const settle: Effect.Effect<void, never, TestTime> = TestTime.use((time) => time.settle)

/**
 * Lets this time pass, and waits for all that happens in it.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const advance = (duration: Duration.Input): Effect.Effect<void, never, TestTime> =>
  TestTime.use((time) => time.advance(duration))

/**
 * Runs the effect, and lets time pass until it is done.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const fastForward = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | TestTime> =>
  TestTime.use((time) => time.fastForward(effect))

/** An instant for which a fiber sleeps, in milliseconds on the clock. */
interface Sleep {
  readonly until: number
}

const make = Effect.fnUntraced(function* (
  clock: TestClock.TestClock
): Effect.fn.Return<{ readonly clock: TestClock.TestClock; readonly time: Service }, never, Scope.Scope> {
  const work = yield* CryptoWork.count
  const sleeps = new Set<Sleep>()

  const sleep = (duration: Duration.Duration): Effect.Effect<void> =>
    Effect.suspend(() => {
      const entry: Sleep = { until: clock.currentTimeMillisUnsafe() + Duration.toMillis(duration) }
      sleeps.add(entry)
      return Effect.ensuring(
        clock.sleep(duration),
        Effect.sync(() => sleeps.delete(entry))
      )
    })

  const nextInstant = (): number => Math.min(...[...sleeps].map(({ until }) => until))

  const settle = settleWith(work)

  const moveTo = (instant: number): Effect.Effect<void> =>
    Effect.suspend(() => clock.adjust(Math.max(0, instant - clock.currentTimeMillisUnsafe())))

  const passUntil = (end: number): Effect.Effect<void> =>
    Effect.flatMap(settle, () => {
      const next = nextInstant()
      return next <= end ? Effect.andThen(moveTo(next), passUntil(end)) : Effect.andThen(moveTo(end), settle)
    })

  const passUntilDone = (fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> =>
    Effect.flatMap(settle, () => {
      if (fiber.pollUnsafe() !== undefined) return Effect.void
      const next = nextInstant()
      return Effect.andThen(Number.isFinite(next) ? moveTo(next) : Effect.void, passUntilDone(fiber))
    })

  const advance = (duration: Duration.Input): Effect.Effect<void> =>
    Effect.suspend(() => passUntil(clock.currentTimeMillisUnsafe() + Duration.toMillis(duration)))

  return {
    clock: { ...clock, sleep, adjust: advance, setTime: passUntil },
    time: {
      settle,
      advance,
      fastForward: (effect) =>
        Effect.flatMap(Effect.forkChild(effect), (fiber) => Effect.andThen(passUntilDone(fiber), Fiber.join(fiber)))
    }
  }
})

/**
 * The time of one test, which begins at 0, as the `Clock` of everything that it is provided to. It is shared between clients.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const layer: Layer.Layer<TestTime> = Layer.effectContext(
  Effect.gen(function* () {
    const context = yield* Layer.build(TestClock.layer())
    const inner = yield* Effect.provideContext(TestClock.testClockWith(Effect.succeed), context)
    const { clock, time } = yield* make(inner)
    return Context.make(TestTime, time).pipe(Context.merge(context), Context.add(Clock.Clock, clock))
  })
)

/** How often fibers have their turn while no call of WebCrypto is under way, until that counts as quiet. */
const quietTurns = 100

const settleWith = ({ countCalls, countPending }: CryptoWork.CryptoWork): Effect.Effect<void> =>
  Effect.suspend(() => {
    let seen = countCalls()
    let turns = 0
    return Effect.whileLoop({
      while: () => turns < quietTurns,
      body: () => Effect.yieldNow,
      step: () => {
        turns = countPending() === 0 && countCalls() === seen ? turns + 1 : 0
        seen = countCalls()
      }
    })
  })
