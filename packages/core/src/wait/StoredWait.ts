/** A wait as its pending authentication stores it, and back: what is stored are dates, and its instants are on a clock of its own. */
import { type Clock, DateTime, Duration, Effect } from "effect"
import type { TransportError } from "../http/TransportError.ts"
import { monotonicNowUnsafe } from "../internal/MonotonicClock.ts"
import { unsafeValue } from "../internal/Opaque.ts"
import type { PendingAuthentication } from "../pending/PendingAuthentication.ts"
import type { WaitProgress } from "../pending/WaitProgress.ts"
import type { TokenError } from "../token/TokenError.ts"
import * as TokenRequest from "../token/TokenRequest.ts"
import type { TokenResponse } from "../token/TokenResponse.ts"
import type * as Wait from "./Wait.ts"

/** The state of a wait. */
export type Saved = Wait.Saved<TokenResponse, TransportError>

/** By how much dates are ahead of the clock of a wait, in whole milliseconds: no poll is early, and none comes after the deadline. */
export interface Offset {
  readonly least: number
  readonly most: number
}

/** That of the wall clock to the monotonic one. */
export const offsetOf = (clock: Clock.Clock): Offset => {
  const wallClock = clock.currentTimeMillisUnsafe()
  const monotonic = monotonicNowUnsafe(clock)
  return { least: wallClock - Math.ceil(monotonic), most: wallClock - Math.floor(monotonic) }
}

/** The pending authentication with the progress of its wait. */
export const put = (pending: PendingAuthentication, saved: Saved, offset: Offset): PendingAuthentication => {
  const { phase } = saved
  const { received: _received, ...rest } = pending
  return {
    ...rest,
    wait: progressOf(saved, offset),
    ...(phase._tag === "Verifying" ? { received: unsafeValue(phase.response).received } : undefined)
  }
}

/** The progress of a wait. */
export const progressOf = (saved: Saved, offset: Offset): WaitProgress => {
  const { faults, interval, lastFault, lost, phase, ping, polls } = shift(saved, offset.most)
  return {
    version: 1,
    kind: "ciba",
    interval: Duration.millis(interval),
    polls,
    faults,
    ...(lastFault === undefined ? undefined : { lastFault }),
    ...(lost === undefined ? undefined : { lost }),
    ping,
    phase: toProgress(phase)
  }
}

/** The same on a clock that is ahead by `by`. */
export const shift = <R, F>(saved: Wait.Saved<R, F>, by: number): Wait.Saved<R, F> => ({
  ...saved,
  deadline: saved.deadline + by,
  phase: shiftPhase(saved.phase, by)
})

const shiftPhase = <R>(phase: Wait.Saved<R, never>["phase"], by: number): Wait.Saved<R, never>["phase"] => {
  const move = (instant: number | undefined) => (instant === undefined ? undefined : instant + by)
  if (phase._tag === "Sleeping") return { ...phase, wakeAt: phase.wakeAt + by, floor: phase.floor + by }
  return phase._tag === "Verifying"
    ? { ...phase, since: move(phase.since), doubtedSince: move(phase.doubtedSince) }
    : phase
}

const toProgress = (phase: Saved["phase"]): WaitProgress["phase"] => {
  if (phase._tag === "Polling") return { _tag: "Polling" }
  if (phase._tag === "Sleeping") {
    return {
      _tag: "Sleeping",
      wakeAt: DateTime.makeUnsafe(phase.wakeAt),
      floor: DateTime.makeUnsafe(phase.floor)
    }
  }
  const { doubtedSince, since, tries } = phase
  return {
    _tag: "Verifying",
    ...(since === undefined ? undefined : { since: DateTime.makeUnsafe(since) }),
    ...(doubtedSince === undefined ? undefined : { doubtedSince: DateTime.makeUnsafe(doubtedSince) }),
    ...(tries === 0 ? undefined : { tries })
  }
}

/** How a wait begins that has no progress. A ping may have been missed if another process had it before. */
export const start = (pending: PendingAuthentication, offset: Offset, isOwn: boolean): Wait.Beginning => ({
  interval: Duration.toMillis(pending.interval),
  deadline: deadline(pending, offset),
  mayHaveMissedPing: !isOwn
})

const deadline = ({ expiresAt }: PendingAuthentication, { most }: Offset): number =>
  Math.floor(DateTime.toEpochMillis(expiresAt) - most)

/** The progress that a pending authentication has; `undefined` if its wait has not begun. Fails for a stored error response. */
export const get = (pending: PendingAuthentication, offset: Offset): Effect.Effect<Saved | undefined, TokenError> => {
  const { interval, received, wait } = pending
  if (received !== undefined) {
    return Effect.map(
      TokenRequest.decodeReceived(received, pending),
      (response): Saved => ({
        ...members(pending, wait ?? { ...unbegun, interval }, offset),
        phase: verifyingOf(response, wait?.phase, offset)
      })
    )
  }
  return Effect.succeed(wait && { ...members(pending, wait, offset), phase: phaseOf(wait.phase, offset) })
}

const unbegun = { polls: 0, faults: 0, ping: "none" } as const

const members = (
  pending: PendingAuthentication,
  { faults, interval, lastFault, lost, ping, polls }: Omit<WaitProgress, "version" | "kind" | "phase">,
  offset: Offset
): Omit<Saved, "phase"> => ({
  version: 1,
  deadline: deadline(pending, offset),
  interval: Duration.toMillis(interval),
  polls,
  faults,
  lastFault,
  lost,
  ping
})

const phaseOf = (
  phase: WaitProgress["phase"],
  { least }: Offset
): Exclude<Saved["phase"], { readonly _tag: "Verifying" }> =>
  phase._tag === "Sleeping"
    ? {
        _tag: "Sleeping",
        wakeAt: DateTime.toEpochMillis(phase.wakeAt) - least,
        floor: DateTime.toEpochMillis(phase.floor) - least
      }
    : { _tag: "Polling" }

const verifyingOf = (
  response: TokenResponse,
  phase: WaitProgress["phase"] | undefined,
  { least }: Offset
): Extract<Saved["phase"], { readonly _tag: "Verifying" }> => {
  const { doubtedSince, since, tries = 0 } = phase?._tag === "Verifying" ? phase : {}
  const toInstant = (date: DateTime.Utc | undefined) =>
    date === undefined ? undefined : DateTime.toEpochMillis(date) - least
  return { _tag: "Verifying", response, since: toInstant(since), doubtedSince: toInstant(doubtedSince), tries }
}
