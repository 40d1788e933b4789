/** Durations on the wire: whole seconds, which some servers write as text (T-8). */
import { Duration, Option, Schema, SchemaTransformation } from "effect"

const tenYears = 315_360_000

const Count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: tenYears }))

const written = (pattern: RegExp): Schema.String => Schema.String.check(Schema.isPattern(pattern))

/** A positive number of seconds, at most ten years, as a JSON number or as decimal digits. */
export const WireSeconds: Schema.Codec<Duration.Duration, number | string> = Schema.Union([
  Count,
  written(/^\d+$/).pipe(Schema.decodeTo(Count, SchemaTransformation.numberFromString))
]).pipe(
  Schema.decodeTo(
    Schema.Duration,
    SchemaTransformation.transform({ decode: Duration.seconds, encode: Duration.toSeconds })
  )
)

/**
 * The time between two polls that an acknowledgement asks for: five seconds unless it names a number, and one second
 * where it names 0. A number that is no count of seconds makes polls rarer than five seconds, never more frequent.
 */
export const decodeInterval = (value: unknown): Duration.Duration => {
  const asked = Option.getOrElse(decodeNumber(value), () => 5)
  const seconds = Number.isInteger(asked) && asked > 0 ? asked : asked === 0 ? 1 : Math.max(5, Math.ceil(asked))
  return Duration.seconds(Math.min(seconds, tenYears))
}

const decodeNumber = Schema.decodeUnknownOption(
  Schema.Union([
    Schema.Number,
    written(/^\d+(\.\d+)?$/).pipe(Schema.decodeTo(Schema.Number, SchemaTransformation.numberFromString))
  ])
)
