// Virtual time for programs that sign, encrypt or store: the clock stands still until that asynchronous work is done.
import { TestProvider } from "@effect-ciba/testing"
import { type Duration, Effect } from "effect"
import { TestClock } from "effect/testing"

/** Moves the clock, once all fibers that wait for it are asleep. */
export const advance = (duration: Duration.Input) =>
  Effect.andThen(Effect.repeat(Effect.yieldNow, { times: 100 }), TestClock.adjust(duration))

/** Moves the clock, and waits until `count` token requests have ended. */
export const advanceToPolls = (duration: Duration.Input, count: number) =>
  TestProvider.TestProvider.use(({ afterPolls }) => Effect.andThen(advance(duration), afterPolls(count)))

/** Waits without the clock until a value satisfies a predicate. */
export const waitUntil = <A, E, R>(
  current: Effect.Effect<A, E, R>,
  wanted: (value: A) => boolean
): Effect.Effect<A, E, R> =>
  Effect.flatMap(current, (value) =>
    wanted(value) ? Effect.succeed(value) : Effect.andThen(Effect.yieldNow, waitUntil(current, wanted))
  )
