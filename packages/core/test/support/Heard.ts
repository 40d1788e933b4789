// What is heard and counted of authentications.
import { Ciba } from "@effect-ciba/core"
import type { TestProvider } from "@effect-ciba/testing"
import { DateTime, Duration, Effect, Fiber, Metric, Stream } from "effect"
import { TestClock } from "effect/testing"

/** Every event as one line: seconds, name, and what else it says. */
export const heard = Effect.gen(function* () {
  const lines: Array<string> = []
  const ids = new Set<string>()
  yield* Effect.forkChild(
    Stream.runForEach(Ciba.events, ({ _tag, at, id, ...rest }) =>
      Effect.sync(() => {
        ids.add(id)
        lines.push([DateTime.toEpochMillis(at) / 1000, _tag, ...Object.values(rest).map(shown)].join(" "))
      })
    )
  )
  yield* Effect.yieldNow
  return { lines, ids }
})

const shown = (value: unknown) =>
  Duration.isDuration(value)
    ? `${Duration.toSeconds(value)}s`
    : DateTime.isDateTime(value)
      ? `until ${DateTime.toEpochMillis(value) / 1000}`
      : String(value)

/** What is heard of a program whose last poll is after so much time: its signature is verified while the clock stands still. */
export const lines = (
  program: Effect.Effect<unknown, unknown, Ciba.Ciba | TestProvider.TestProvider>,
  time: Duration.Input
) =>
  Effect.gen(function* () {
    const { lines } = yield* heard
    const running = yield* Effect.forkChild(Effect.exit(program))
    yield* TestClock.adjust(time)
    yield* Fiber.join(running)
    return lines
  })

/** The metrics at hand, as `name{attributes}` and value. */
export const figures = Effect.map(Metric.snapshot, (all) =>
  Object.fromEntries(
    all
      .filter(({ id }) => id.startsWith("ciba."))
      .map(({ attributes: { unit, ...attributes } = {}, id, state, type }) => [
        `${id} ${unit}${Object.entries(attributes).map(([name, value]) => ` ${name}=${value}`)}`,
        type === "Histogram"
          ? [state.count, state.sum]
          : type === "Counter"
            ? state.count
            : "value" in state && state.value
      ])
  )
)

/** A program with metrics of its own. */
export const measured = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.provideService(program, Metric.MetricRegistry, new Map())
