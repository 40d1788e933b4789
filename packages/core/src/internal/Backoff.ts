/** The schedule of retries of what must succeed in the end. */
import { Schedule } from "effect"

/** After a second, then twice as long each time, at most 30 seconds. */
export const cappedExponential: Schedule.Schedule<unknown> = Schedule.min([
  Schedule.exponential("1 second"),
  Schedule.spaced("30 seconds")
])
