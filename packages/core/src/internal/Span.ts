/** Spans, which are made only if there is a tracer, and end without the values of their effects: these may hold tokens. */
import { Deferred, Effect, type Tracer } from "effect"

/** Runs an effect in a span, which has the tag of the reason of its failure as OpenTelemetry's `error.type`. */
export const trace = <A, E extends { readonly reason: { readonly _tag: string } }, R>(
  name: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiber(({ cache }) =>
    cache.tracer === undefined
      ? effect
      : run(
          name,
          Effect.tapError(effect, ({ reason }) => Effect.annotateCurrentSpan("error.type", reason._tag))
        )
  )

/** Runs an effect in a span. A tracer is given the exit of what runs in the span, so the value takes another way. */
export const run = <A, E, R>(
  name: string,
  effect: Effect.Effect<A, E, R>,
  options?: Tracer.SpanOptionsNoTrace
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Deferred.make<A>(), (value) =>
    Effect.flatMap(effect, (found) => Deferred.succeed(value, found)).pipe(
      Effect.asVoid,
      Effect.withSpan(name, options, { captureStackTrace: false }),
      Effect.andThen(Deferred.await(value))
    )
  )

/** Adds attributes to the current span. */
export const annotate = (attributes: Readonly<Record<string, string>>): Effect.Effect<void> =>
  Effect.withFiber(({ cache }) => (cache.tracer === undefined ? Effect.void : Effect.annotateCurrentSpan(attributes)))
