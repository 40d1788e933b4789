// Time on the clock of a test, with real time in between: a database takes some.
import { TestProvider } from "@effect-ciba/testing"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

export const realTime = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 3)))

/** Lets time go by in small steps until the fiber has ended. */
export const finish = <A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() =>
    fiber.pollUnsafe() === undefined
      ? Effect.andThen(Effect.andThen(TestClock.adjust("100 millis"), realTime), finish(fiber))
      : Fiber.join(fiber)
  )

/** How many requests the provider has received at an endpoint. */
export const countRequests = (endpoint: string) =>
  Effect.map(
    TestProvider.TestProvider.use((provider) => provider.requests),
    (all) => all.filter((each) => each.endpoint === endpoint).length
  )

/** Waits, without any time on the clock, until the provider has received so many requests at an endpoint. */
export const awaitRequests = (endpoint: string, count: number): Effect.Effect<void, never, TestProvider.TestProvider> =>
  Effect.flatMap(countRequests(endpoint), (received) =>
    received < count ? Effect.andThen(realTime, awaitRequests(endpoint, count)) : Effect.void
  )
