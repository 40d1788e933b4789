/** How to wait for what is not there now, and has to be. */
import { Schedule } from "effect"

/** After a second, and then twice as long each time, half a minute at most. */
export const cappedExponential: Schedule.Schedule<unknown> = /* @__PURE__ */ Schedule.min([
  Schedule.exponential("1 second"),
  Schedule.spaced("30 seconds")
])
