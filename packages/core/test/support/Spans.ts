// The spans of a program, as a tracer sees them.
import { Exit, Layer, Option, Tracer } from "effect"

/** A tracer that remembers, and what it has seen. */
export const recorder = () => {
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

/** A span with those under it: `name(child, child)`, a failed one with `!`, one that is open with `…`. */
export const tree = (spans: ReadonlyArray<Tracer.NativeSpan>): ReadonlyArray<string> => {
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
