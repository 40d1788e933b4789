/** A wait as its pending authentication stores it, and back: its instants are on the monotonic clock, the stored ones are dates. */
import { type Clock, DateTime, Duration, Effect } from "effect"
import type { TransportError } from "../http/TransportError.ts"
import { unsafeValue } from "../internal/Opaque.ts"
import { PendingAuthentication } from "../pending/PendingAuthentication.ts"
import type { WaitProgress } from "../pending/WaitProgress.ts"
import type { TokenError } from "../token/TokenError.ts"
import * as TokenRequest from "../token/TokenRequest.ts"
import type { TokenResponse } from "../token/TokenResponse.ts"
import * as Wait from "./Wait.ts"

/** The state of a wait, on the monotonic clock. */
export type Saved = Wait.Saved<TokenResponse, TransportError>

/** The pending authentication with the progress of its wait. */
export const put = (pending: PendingAuthentication, saved: Saved, clock: Clock.Clock): PendingAuthentication => {
  const { faults, interval, lastFault, lost, phase, ping, polls } = Wait.shift(
    saved,
    wallClockOffset(clock, Math.floor)
  )
  const { received: _received, ...rest } = pending
  return new PendingAuthentication({
    ...rest,
    wait: {
      version: 1,
      kind: "ciba",
      interval: Duration.millis(interval),
      polls,
      faults,
      ...(lastFault === undefined ? undefined : { lastFault }),
      ...(lost === undefined ? undefined : { lost }),
      ping,
      phase:
        phase._tag === "Sleeping"
          ? {
              _tag: "Sleeping",
              wakeAt: DateTime.makeUnsafe(phase.wakeAt),
              floor: DateTime.makeUnsafe(phase.floor)
            }
          : { _tag: phase._tag }
    },
    ...(phase._tag === "Verifying" ? { received: unsafeValue(phase.response).received } : undefined)
  })
}

/** How a wait begins that has no progress. A ping may have been missed if another process had it before. */
export const start = (pending: PendingAuthentication, clock: Clock.Clock, isOwn: boolean): Wait.Beginning => ({
  interval: Duration.toMillis(pending.interval),
  deadline: deadline(pending, clock),
  mayHaveMissedPing: !isOwn
})

/** The deadline of a wait on the monotonic clock. */
const deadline = ({ expiresAt }: PendingAuthentication, clock: Clock.Clock): number =>
  Math.floor(DateTime.toEpochMillis(expiresAt) - wallClockOffset(clock, Math.floor))

/** The progress that a pending authentication has; `undefined` if its wait has not begun. Fails for a stored error response. */
export const get = (
  pending: PendingAuthentication,
  clock: Clock.Clock
): Effect.Effect<Saved | undefined, TokenError> => {
  const { interval, received, wait } = pending
  if (received !== undefined) {
    return Effect.map(
      TokenRequest.decodeReceived(received, pending),
      (response): Saved => ({
        ...members(pending, wait ?? { ...unbegun, interval }, clock),
        phase: { _tag: "Verifying", response }
      })
    )
  }
  return Effect.succeed(wait && { ...members(pending, wait, clock), phase: phaseOf(wait.phase, clock) })
}

const unbegun = { polls: 0, faults: 0, ping: "none" } as const

const members = (
  pending: PendingAuthentication,
  { faults, interval, lastFault, lost, ping, polls }: Omit<WaitProgress, "version" | "kind" | "phase">,
  clock: Clock.Clock
): Omit<Saved, "phase"> => ({
  version: 1,
  deadline: deadline(pending, clock),
  interval: Duration.toMillis(interval),
  polls,
  faults,
  lastFault,
  lost,
  ping
})

const phaseOf = (
  phase: WaitProgress["phase"],
  clock: Clock.Clock
): Exclude<Saved["phase"], { readonly _tag: "Verifying" }> => {
  if (phase._tag !== "Sleeping") return { _tag: "Polling" }
  const offset = wallClockOffset(clock, Math.ceil)
  return {
    _tag: "Sleeping",
    wakeAt: DateTime.toEpochMillis(phase.wakeAt) - offset,
    floor: DateTime.toEpochMillis(phase.floor) - offset
  }
}

/** By how much the wall clock is ahead of the monotonic one, in milliseconds. */
const wallClockOffset = (clock: Clock.Clock, round: (millis: number) => number): number =>
  clock.currentTimeMillisUnsafe() - round(Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000)
