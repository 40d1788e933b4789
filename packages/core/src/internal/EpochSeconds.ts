/** Points in time in tokens and responses: seconds since the epoch, as far as a date can be. */
import { Schema } from "effect"

export const EpochSeconds: Schema.Finite = Schema.Finite.check(
  Schema.isBetween({ minimum: 0, maximum: 8_640_000_000_000 })
)
