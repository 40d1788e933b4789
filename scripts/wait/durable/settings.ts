// The waits that are explored with two workers: each delivery mode, with a lease of three ticks that ends before the deadline.
import type { Setting } from "./Setting.ts"

const deadlines: Readonly<Record<Setting["delivery"], number>> = { poll: 12_500, ping: 10_000, push: 10_000 }

/** A tick is shorter than the use of a claim. */
export const setting = (delivery: Setting["delivery"], deadline: number = deadlines[delivery]): Setting => ({
  delivery,
  deadline,
  interval: 2500,
  tick: 2500
})
