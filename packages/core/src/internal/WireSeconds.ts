/** Durations in responses: numbers of seconds, which some servers send as text, or with a fraction (T-8). */
import { Duration, Option, Schema, SchemaTransformation } from "effect"

const tenYears = 315_360_000

const Seconds = Schema.Union([
  Schema.Number,
  Schema.String.check(Schema.isPattern(/^\d+(\.\d+)?$/)).pipe(
    Schema.decodeTo(Schema.Number, SchemaTransformation.numberFromString)
  )
])

/** A positive number of seconds: whole ones, rounded down, at least one and at most ten years. */
export const WireSeconds: Schema.Codec<Duration.Duration, number | string> = Seconds.check(
  Schema.isGreaterThan(0)
).pipe(
  Schema.decodeTo(
    Schema.Duration,
    SchemaTransformation.transform({
      decode: (seconds) => Duration.seconds(Math.min(Math.max(1, Math.floor(seconds)), tenYears)),
      encode: Duration.toSeconds
    })
  )
)

/**
 * The polling interval of an acknowledgement, rounded up to whole seconds: five if there is none or a negative one, one for 0,
 * ten years at most.
 */
export const decodeInterval = (value: unknown): Duration.Duration => {
  const interval = Option.getOrElse(decodeSeconds(value), () => 5)
  return Duration.seconds(interval < 0 ? 5 : Math.min(Math.max(1, Math.ceil(interval)), tenYears))
}

const decodeSeconds = Schema.decodeUnknownOption(Seconds)
