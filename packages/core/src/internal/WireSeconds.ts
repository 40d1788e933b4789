/** Durations in responses: whole seconds, which some servers send as text (T-8). */
import { Duration, Option, Schema, SchemaTransformation } from "effect"

const tenYears = 315_360_000

const Count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: tenYears }))

const textOf = (pattern: RegExp): Schema.String => Schema.String.check(Schema.isPattern(pattern))

/** A positive number of seconds, at most ten years, as a JSON number or as decimal digits. */
export const WireSeconds: Schema.Codec<Duration.Duration, number | string> = Schema.Union([
  Count,
  textOf(/^\d+$/).pipe(Schema.decodeTo(Count, SchemaTransformation.numberFromString))
]).pipe(
  Schema.decodeTo(
    Schema.Duration,
    SchemaTransformation.transform({ decode: Duration.seconds, encode: Duration.toSeconds })
  )
)

/**
 * The polling interval of an acknowledgement: five seconds if there is none, one second for 0. A negative number or a fraction
 * is rounded up to at least five seconds.
 */
export const decodeInterval = (value: unknown): Duration.Duration => {
  const interval = Option.getOrElse(decodeNumber(value), () => 5)
  const seconds =
    Number.isInteger(interval) && interval > 0 ? interval : interval === 0 ? 1 : Math.max(5, Math.ceil(interval))
  return Duration.seconds(Math.min(seconds, tenYears))
}

const decodeNumber = Schema.decodeUnknownOption(
  Schema.Union([
    Schema.Number,
    textOf(/^\d+(\.\d+)?$/).pipe(Schema.decodeTo(Schema.Number, SchemaTransformation.numberFromString))
  ])
)
