/** Points in time in tokens and responses: seconds since the epoch, as far as a date can be. */
import { Schema } from "effect"

/** The last second that a date can be. */
export const latestSeconds: number = 8_640_000_000_000

export const EpochSeconds: Schema.Finite = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: latestSeconds }))
