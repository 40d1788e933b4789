// The waits that are explored: each delivery mode, in memory and stored, with a deadline of a few ticks.
import { defaults } from "../../../src/wait/Wait.ts"
import type { Setting } from "./explore.ts"
import type { WaitTerms } from "./World.ts"

/** `isStrict`: a notification keeps the interval, and the wait can be cancelled. */
export const setting = (
  delivery: WaitTerms["delivery"],
  isStored: boolean,
  deadline: number,
  isStrict = false
): Setting => ({
  terms: {
    ...defaults,
    delivery,
    isStored,
    interrupted: "interrupted",
    pingFallback: 4,
    slowDown: 1,
    maxBackoff: 4,
    margin: 1,
    keyDelay: 1,
    doubtLimit: 2,
    notifiedKeepsInterval: isStrict
  },
  interval: 2,
  deadline,
  canCancel: isStrict
})
