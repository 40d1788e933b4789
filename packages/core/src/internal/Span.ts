/** Spans of the flow, which are made only if there is a tracer. */
import { Effect } from "effect"

/** Runs an effect in a span, which has the tag of the reason of its failure as OpenTelemetry's `error.type`. */
export const trace = <A, E extends { readonly reason: { readonly _tag: string } }, R>(
  name: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiber(({ cache }) =>
    cache.tracer === undefined
      ? effect
      : Effect.tapError(effect, ({ reason }) => Effect.annotateCurrentSpan("error.type", reason._tag)).pipe(
          Effect.withSpan(name, {}, { captureStackTrace: false })
        )
  )

/** Adds attributes to the current span. */
export const annotate = (attributes: Readonly<Record<string, string>>): Effect.Effect<void> =>
  Effect.withFiber(({ cache }) => (cache.tracer === undefined ? Effect.void : Effect.annotateCurrentSpan(attributes)))
