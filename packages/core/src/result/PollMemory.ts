/**
 * What a wait has learned, for the next one with the same id: in memory as long as the request lives, and in the
 * `PendingStore`, where there is one, for the next process.
 */
import { Clock, DateTime, Duration, Effect, MutableHashMap, Option, type Redacted } from "effect"
import type { HttpFault } from "../client/HttpFault.ts"
import { instant } from "../internal/Instant.ts"
import { reveal } from "../internal/Untrusted.ts"
import { type AuthReqId, PendingAuthentication } from "../request/PendingAuthentication.ts"
import { PendingStore } from "../request/PendingStore.ts"
import type { TokenResponse } from "../token/TokenResponse.ts"

/** What is known of a wait. Instants are milliseconds on the clock that does not jump. */
export interface Progress {
  readonly interval: Duration.Duration
  /** No poll before, where one has been made. */
  readonly nextAt: number | undefined
  /** When the request expires. */
  readonly deadline: number
  /** The fault that may have hidden tokens. */
  readonly lost: HttpFault | undefined
  /** Whether the id has been redeemed. */
  readonly spent: boolean
}

/** The memory of all waits at hand. */
export interface PollMemory {
  /** What is known so far. */
  readonly recall: (pending: PendingAuthentication) => Effect.Effect<Progress>
  /** Keeps what is known now, and the response, once there is one. */
  readonly note: (pending: PendingAuthentication, progress: Progress, response?: TokenResponse) => Effect.Effect<void>
}

/** An empty memory. A store that fails is logged, and the wait goes on. */
export const make: Effect.Effect<PollMemory> = Effect.gen(function* () {
  const store = yield* Effect.serviceOption(PendingStore)
  const memory = MutableHashMap.empty<Redacted.Redacted<AuthReqId>, Progress>()

  const stored = Effect.fnUntraced(function* (
    { lost: _before, ...pending }: PendingAuthentication,
    { interval, lost, nextAt }: Progress,
    response: TokenResponse | undefined
  ): Effect.fn.Return<PendingAuthentication> {
    const pause = nextAt === undefined ? 0 : Math.max(0, nextAt - (yield* instant))
    return new PendingAuthentication({
      ...pending,
      interval,
      nextPollAt: DateTime.add(yield* DateTime.now, { milliseconds: pause }),
      ...(lost === undefined ? undefined : { lost }),
      ...(response === undefined ? undefined : { received: reveal(response).received })
    })
  })

  return {
    recall: Effect.fnUntraced(function* (pending) {
      const known = Option.getOrUndefined(MutableHashMap.get(memory, pending.authReqId))
      const wallClock = yield* Clock.currentTimeMillis
      const now = yield* instant
      const ahead = (at: DateTime.Utc): number => now + DateTime.toEpochMillis(at) - wallClock
      const interval = known?.interval ?? pending.interval
      const lost = known === undefined ? pending.lost : known.lost
      const noted = known?.nextAt ?? (pending.nextPollAt === undefined ? undefined : ahead(pending.nextPollAt))
      // A poll that was under way may have reached the provider at any time until now.
      const nextAt = lost?.kind === "Abandoned" ? Math.max(noted ?? now, now + Duration.toMillis(interval)) : noted
      return { interval, nextAt, deadline: ahead(pending.expiresAt), lost, spent: known?.spent ?? false }
    }),
    note: Effect.fnUntraced(function* (pending, progress, response) {
      const now = yield* instant
      for (const [id, { deadline }] of memory) if (deadline <= now) MutableHashMap.remove(memory, id)
      MutableHashMap.set(memory, pending.authReqId, progress)
      if (Option.isNone(store)) return
      const put = store.value.put(yield* stored(pending, progress, response))
      yield* Effect.catch(put, ({ message }) => Effect.logError(message))
    })
  }
})
