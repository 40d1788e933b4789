/**
 * What a wait has learned, for the next one with the same id: in memory as long as the request lives, and in the
 * `PendingStore`, where there is one, for the next process.
 */
import { Clock, DateTime, type Duration, Effect, MutableHashMap, Option, type Redacted } from "effect"
import type { TransportError } from "../http/TransportError.ts"
import { monotonicNow } from "../internal/MonotonicClock.ts"
import { unsafeValue } from "../internal/Opaque.ts"
import { type AuthReqId, PendingAuthentication } from "../pending/PendingAuthentication.ts"
import * as PendingStore from "../pending/PendingStore.ts"
import type { TokenResponse } from "../token/TokenResponse.ts"

/** What is known of a wait. Instants are milliseconds on the clock that does not jump. */
export interface Progress {
  readonly interval: Duration.Duration
  /** No poll before; nothing while one is under way, and in a wait that is new. */
  readonly nextAt: number | undefined
  /** When the request expires. */
  readonly deadline: number
  /** The fault that may have hidden tokens. */
  readonly lostResponse: TransportError | undefined
  /** Whether a ping has come, and a poll after it. */
  readonly pinged: boolean
  /** Whether the id has been redeemed. */
  readonly redeemed: boolean
  /** The response that it was redeemed for, until somebody has made something of it. */
  readonly response: TokenResponse | undefined
}

/** The memory of all waits at hand. */
export interface PollMemory {
  /** What is known so far. */
  readonly load: (pending: PendingAuthentication) => Effect.Effect<Progress>
  /** Keeps what is known now. */
  readonly save: (pending: PendingAuthentication, progress: Progress) => Effect.Effect<void>
  /** Keeps the response no longer. */
  readonly clear: (pending: PendingAuthentication) => Effect.Effect<void>
}

/** An empty memory. A store that fails is logged, and the wait goes on. */
export const make: Effect.Effect<PollMemory> = Effect.gen(function* () {
  const store = yield* PendingStore.bestEffort
  const memory = MutableHashMap.empty<Redacted.Redacted<AuthReqId>, Progress>()
  /** How many are kept before those that have expired are looked for. */
  let room = 1000

  const stored = Effect.fnUntraced(function* (
    { lost: _lost, nextPollAt: _nextPollAt, ...pending }: PendingAuthentication,
    { interval, lostResponse, nextAt, response }: Progress
  ): Effect.fn.Return<PendingAuthentication> {
    const pause = nextAt === undefined ? undefined : Math.ceil(Math.max(0, nextAt - (yield* monotonicNow)))
    const now = yield* DateTime.now
    return new PendingAuthentication({
      ...pending,
      interval,
      ...(pause === undefined ? undefined : { nextPollAt: DateTime.add(now, { milliseconds: pause }) }),
      ...(lostResponse === undefined ? undefined : { lost: lostResponse }),
      ...(response === undefined ? undefined : { received: unsafeValue(response).received })
    })
  })

  return {
    load: Effect.fnUntraced(function* (pending) {
      const known = Option.getOrUndefined(MutableHashMap.get(memory, pending.authReqId))
      const wallClock = yield* Clock.currentTimeMillis
      const now = yield* monotonicNow
      const ahead = (at: DateTime.Utc): number => now + DateTime.toEpochMillis(at) - wallClock
      return {
        interval: known?.interval ?? pending.interval,
        nextAt:
          known !== undefined ? known.nextAt : pending.nextPollAt === undefined ? undefined : ahead(pending.nextPollAt),
        deadline: known?.deadline ?? ahead(pending.expiresAt),
        lostResponse: known === undefined ? pending.lost : known.lostResponse,
        pinged: known?.pinged ?? false,
        redeemed: known?.redeemed ?? false,
        response: known?.response
      }
    }),
    save: Effect.fnUntraced(function* (pending, progress) {
      if (MutableHashMap.size(memory) >= room) {
        const now = yield* monotonicNow
        for (const [id, { deadline }] of memory) if (deadline <= now) MutableHashMap.remove(memory, id)
        room = Math.max(1000, 2 * MutableHashMap.size(memory))
      }
      MutableHashMap.set(memory, pending.authReqId, progress)
      yield* store.put(yield* stored(pending, progress))
    }),
    clear: ({ authReqId }) =>
      Effect.sync(() => void MutableHashMap.modify(memory, authReqId, (known) => ({ ...known, response: undefined })))
  }
})
