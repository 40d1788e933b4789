// Polls that were under way when their machine was frozen, and sent when it went on. That there are none is not promised: it may freeze
// between the last look at a claim and the first byte. They are counted by themselves.
import type { Fault } from "../Faults.ts"
import type { TokenRequest } from "../Log.ts"

/** A claim permits its poll for so long, in milliseconds. */
export const claimLifetime = 3000

/** What a machine sends so soon after it goes on, it may have begun before, in milliseconds. */
const resumption = 1000

export const isFromFrozen =
  (faults: ReadonlyArray<Fault>) =>
  ({ arrivedAt, machine }: TokenRequest): boolean =>
    faults.some(
      ({ at, endedAt, kind, machine: frozen }) =>
        kind === "freeze" &&
        frozen === machine &&
        endedAt - at > claimLifetime &&
        arrivedAt >= at &&
        arrivedAt <= endedAt + resumption
    )
