/** Durations on the wire: whole seconds, which some servers write as text (T-8). */
import { Duration, Schema, SchemaTransformation } from "effect"

const bounds = Schema.isBetween({ minimum: 1, maximum: 315_360_000 })

const Count = Schema.Union([Schema.Int.check(bounds), Schema.FiniteFromString.check(Schema.isInt(), bounds)])

/** A positive number of seconds, at most ten years, as a JSON number or as decimal text. */
export const Seconds: Schema.Codec<Duration.Duration, number | string> = Count.pipe(
  Schema.decodeTo(
    Schema.Duration,
    SchemaTransformation.transform({ decode: Duration.seconds, encode: Duration.toSeconds })
  )
)
