/** How many waits a worker claims at once: no more than it can poll for while their claims permit it. */

export interface ClaimWindow {
  readonly size: () => number
  /** A poll was sent. */
  readonly recordSent: () => void
  /** A claim was too old when its poll was to be sent; it was made at `claimedSince`, in milliseconds of the monotonic clock. */
  readonly recordExpired: (claimedSince: number, now: number) => void
}

/** Of a process that has just started: its code is not compiled yet, and a ping waits for all that is claimed at once. */
const first = 8

/** By what it grows with each poll that is sent: it doubles in four rounds, in which code is compiled. */
const growth = 0.25

/**
 * Halved when claims expire, once for those of one size. Else a worker that is short of processor time claims what it cannot send, gives it
 * back and claims it again, and sends nothing at all.
 */
export const make = (max: number): ClaimWindow => {
  let size = Math.min(first, max)
  let halvedAt = Number.NEGATIVE_INFINITY
  return {
    size: () => Math.floor(size),
    recordSent: () => {
      size = Math.min(max, size + growth)
    },
    recordExpired: (claimedSince, now) => {
      if (claimedSince < halvedAt) return
      size = Math.max(1, Math.floor(size / 2))
      halvedAt = now
    }
  }
}
