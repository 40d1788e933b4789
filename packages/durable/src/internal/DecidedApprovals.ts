/** One watcher of a process for all its callers: looks for what was decided, whichever process has decided it. */
import { Broadcast, monotonicNow } from "@effect-ciba/core/unstable/wait"
import { type Duration, Effect, Latch, Option, type Scope, Semaphore, Stream } from "effect"
import type { SqlError } from "effect/sql"
import type * as ApprovalTable from "./ApprovalTable.ts"

export interface DecidedApprovals {
  /** Tries to find something at once, and again when the approval has been decided, until there is something. */
  readonly until: <A, E>(key: string, find: Effect.Effect<Option.Option<A>, E>) => Effect.Effect<A, E>
  /** What is decided from the subscription on. */
  readonly decided: Stream.Stream<ApprovalTable.Row>
}

export interface Options {
  /** What was decided in the last so many milliseconds. */
  readonly find: (millis: number) => Effect.Effect<ReadonlyArray<ApprovalTable.Row>, SqlError.SqlError>
  /** How often they are looked for while a caller waits. */
  readonly interval: Duration.Input
}

/** How far a look goes back, in milliseconds: a decision is seen when its transaction ends, some time after its instant. */
const overlap = 10_000

/** How long a caller waits for the watcher: a transaction that took longer than the overlap is seen then. */
const longestWait = "5 minutes"

export const make = Effect.fnUntraced(function* ({
  find,
  interval
}: Options): Effect.fn.Return<DecidedApprovals, never, Scope.Scope> {
  const channel = Broadcast.make<ApprovalTable.Row>(4096)
  const waiting = new Map<string, Set<Latch.Latch>>()
  const mutex = yield* Semaphore.make(1)
  /** What the last look has found, and when it was decided: the next one finds it again. */
  let seen = new Map<string, number | undefined>()
  /** When the last look began that has succeeded. One that comes after an outage goes back further. */
  let lookedAt = yield* monotonicNow

  const look = mutex
    .withPermit(
      Effect.gen(function* () {
        const now = yield* monotonicNow
        const rows = yield* find(overlap + now - lookedAt)
        lookedAt = now
        const fresh = rows.filter(({ decidedAt, key }) => seen.get(key) !== decidedAt)
        seen = new Map(rows.map(({ decidedAt, key }) => [key, decidedAt]))
        for (const { key } of fresh) for (const latch of waiting.get(key) ?? []) latch.openUnsafe()
        for (const row of fresh) channel.publish(row)
      })
    )
    .pipe(Effect.catch(({ message }) => Effect.logDebug(`decided approvals cannot be read: ${message}`)))
  const rest = Effect.map(monotonicNow, (now) => {
    lookedAt = now
  })
  const lookIfAsked = Effect.suspend(() => (channel.hasSubscribers() || waiting.size > 0 ? look : rest))
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(lookIfAsked, Effect.sleep(interval))))

  const listen = (key: string) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const latch = Latch.makeUnsafe(false)
        waiting.set(key, (waiting.get(key) ?? new Set()).add(latch))
        return latch
      }),
      (latch) =>
        Effect.sync(() => {
          const those = waiting.get(key)
          those?.delete(latch)
          if (those?.size === 0) waiting.delete(key)
        })
    )

  const until: DecidedApprovals["until"] = (key, find) =>
    Effect.scoped(Effect.flatMap(listen(key), (latch) => repeatAfter(latch, find)))

  // What was decided before the subscription is seen before it.
  return { until, decided: Stream.unwrap(Effect.as(look, channel.values)) }
})

const repeatAfter = <A, E>(latch: Latch.Latch, find: Effect.Effect<Option.Option<A>, E>): Effect.Effect<A, E> =>
  Effect.flatMap(Effect.andThen(latch.close, find), (found) =>
    Option.isSome(found)
      ? Effect.succeed(found.value)
      : Effect.andThen(Effect.timeoutOption(latch.await, longestWait), repeatAfter(latch, find))
  )
