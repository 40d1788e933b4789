// What a program publishes of its authentications: events, metrics and spans.
import { Ciba } from "@effect-ciba/core"
import type { TestProvider } from "@effect-ciba/testing"
import { DateTime, Duration, Effect, Exit, Fiber, Layer, Metric, Option, Stream, Tracer } from "effect"
import { TestClock } from "effect/testing"

/** Every event as one line: seconds, name, and what else it says. */
export const recordEvents = Effect.gen(function* () {
  const lines: Array<string> = []
  const ids = new Set<string>()
  yield* Effect.forkChild(
    Stream.runForEach(Ciba.events, ({ _tag, at, id, ...rest }) =>
      Effect.sync(() => {
        ids.add(id)
        lines.push([DateTime.toEpochMillis(at) / 1000, _tag, ...Object.values(rest).map(format)].join(" "))
      })
    )
  )
  yield* Effect.yieldNow
  return { lines, ids }
})

const format = (value: unknown) =>
  Duration.isDuration(value)
    ? `${Duration.toSeconds(value)}s`
    : DateTime.isDateTime(value)
      ? `until ${DateTime.toEpochMillis(value) / 1000}`
      : String(value)

/** The events of a program whose last poll is after `time`: the clock stands still while its ID Token is verified. */
export const eventLines = (
  program: Effect.Effect<unknown, unknown, Ciba.Ciba | TestProvider.TestProvider>,
  time: Duration.Input
) =>
  Effect.gen(function* () {
    const { lines } = yield* recordEvents
    const running = yield* Effect.forkChild(Effect.exit(program))
    yield* TestClock.adjust(time)
    yield* Fiber.join(running)
    return lines
  })

/** The metrics of the context, as name, unit and attributes, with their value. */
export const metricValues = Effect.map(Metric.snapshot, (all) =>
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

/** Runs a program with a metric registry of its own. */
export const withOwnMetrics = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.provideService(program, Metric.MetricRegistry, new Map())

/** A tracer that records spans. */
export const recordSpans = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const layer = Layer.succeed(
    Tracer.Tracer,
    Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
  )
  return { spans, layer }
}

/** A span with its children: `name(child, child)`; a failed one with `!`, an open one with `…`. */
export const spanTree = (spans: ReadonlyArray<Tracer.NativeSpan>): ReadonlyArray<string> => {
  const under = (parent: string | undefined): ReadonlyArray<string> =>
    spans.flatMap((span) => {
      if (Option.getOrUndefined(Option.map(span.parent, ({ spanId }) => spanId)) !== parent) return []
      const children = under(span.spanId)
      return [`${span.name}${ending(span)}${children.length === 0 ? "" : `(${children.join(", ")})`}`]
    })
  return under(undefined)
}

const ending = ({ status }: Tracer.NativeSpan): string =>
  status._tag === "Started" ? "…" : Exit.isFailure(status.exit) ? "!" : ""
