/**
 * The progress of waits, for a later wait with the same `auth_req_id`: in memory until the request expires, and in the
 * `PendingStore`, if present, for the next process.
 */
import { DateTime, type Duration, Effect, MutableHashMap, Option, type Redacted } from "effect"
import type { TransportError } from "../http/TransportError.ts"
import { monotonicNow, toMonotonic } from "../internal/MonotonicClock.ts"
import { unsafeValue } from "../internal/Opaque.ts"
import * as Sweep from "../internal/Sweep.ts"
import { type AuthReqId, PendingAuthentication } from "../pending/PendingAuthentication.ts"
import * as PendingStore from "../pending/PendingStore.ts"
import type { TokenResponse } from "../token/TokenResponse.ts"

/** The progress of a wait. Instants are milliseconds on the monotonic clock. */
export interface Progress {
  readonly interval: Duration.Duration
  /** No poll before this instant; `undefined` in a new wait, and while a poll is in flight. */
  readonly nextAt: number | undefined
  /** When the request expires. */
  readonly deadline: number
  /** The fault of a poll whose response may have held tokens. */
  readonly lostResponse: TransportError | undefined
  /** Whether a ping has arrived, and a poll was sent after it. */
  readonly pinged: boolean
  /** Whether the `auth_req_id` has been redeemed. */
  readonly redeemed: boolean
  /** The response that it was redeemed for, until `clear`. */
  readonly response: TokenResponse | undefined
}

/** The progress of all waits of a client. */
export interface PollMemory {
  /** The progress so far; that of a new wait comes from the pending authentication. */
  readonly load: (pending: PendingAuthentication) => Effect.Effect<Progress>
  /** Replaces the progress, in memory and in the store. */
  readonly save: (pending: PendingAuthentication, progress: Progress) => Effect.Effect<void>
  /** Removes the response. */
  readonly clear: (pending: PendingAuthentication) => Effect.Effect<void>
}

/** A memory without progress. A failure of the store is logged, and the wait continues. */
export const make: Effect.Effect<PollMemory> = Effect.gen(function* () {
  const store = yield* PendingStore.bestEffort
  const memory = MutableHashMap.empty<Redacted.Redacted<AuthReqId>, Progress>()
  const removeExpired = Effect.map(monotonicNow, (now) => {
    for (const [id, { deadline }] of memory) if (deadline <= now) MutableHashMap.remove(memory, id)
  })
  const sweep = Sweep.make(() => MutableHashMap.size(memory), removeExpired)

  return {
    load: Effect.fnUntraced(function* (pending) {
      const known = Option.getOrUndefined(MutableHashMap.get(memory, pending.authReqId))
      if (known !== undefined) return known
      return {
        interval: pending.interval,
        nextAt: pending.nextPollAt === undefined ? undefined : yield* toMonotonic(pending.nextPollAt),
        deadline: yield* toMonotonic(pending.expiresAt),
        lostResponse: pending.lost,
        pinged: false,
        redeemed: false,
        response: undefined
      }
    }),
    save: Effect.fnUntraced(function* (pending, progress) {
      yield* sweep
      MutableHashMap.set(memory, pending.authReqId, progress)
      if (store.isPresent) yield* store.put(yield* withProgress(pending, progress))
    }),
    clear: ({ authReqId }) =>
      Effect.sync(() => void MutableHashMap.modify(memory, authReqId, (known) => ({ ...known, response: undefined })))
  }
})

/** The pending authentication as it is stored with its progress. */
const withProgress = Effect.fnUntraced(function* (
  { lost: _lost, nextPollAt: _nextPollAt, ...pending }: PendingAuthentication,
  { interval, lostResponse, nextAt, response }: Progress
) {
  const delay = nextAt === undefined ? undefined : Math.ceil(Math.max(0, nextAt - (yield* monotonicNow)))
  const now = yield* DateTime.now
  return new PendingAuthentication({
    ...pending,
    interval,
    ...(delay === undefined ? undefined : { nextPollAt: DateTime.add(now, { milliseconds: delay }) }),
    ...(lostResponse === undefined ? undefined : { lost: lostResponse }),
    ...(response === undefined ? undefined : { received: unsafeValue(response).received })
  })
})
