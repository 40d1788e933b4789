/** Values for all that listen at the time. Each has a buffer of its own, from which the oldest are dropped. */
import { Effect, Queue, Stream } from "effect"

export interface Broadcast<A> {
  /** Whether a value would reach a subscriber. */
  readonly hasSubscribers: () => boolean
  readonly publish: (value: A) => void
  /** The values from the subscription on. */
  readonly values: Stream.Stream<A>
}

/** A broadcast whose subscribers fall behind by `capacity` values at most. */
export const make = <A>(capacity: number): Broadcast<A> => {
  const subscribers = new Set<Queue.Queue<A>>()
  const subscribe = Effect.acquireRelease(
    Effect.tap(Queue.sliding<A>(capacity), (queue) => Effect.sync(() => subscribers.add(queue))),
    (queue) => Effect.sync(() => subscribers.delete(queue))
  )
  return {
    hasSubscribers: () => subscribers.size > 0,
    publish: (value) => {
      // A subscriber runs while its queue is flushed: what it publishes then comes after this value for all others, too.
      const queues = [...subscribers]
      for (const queue of queues) Queue.offerUnsafe(queue, value)
      for (const queue of queues) Queue.flushUnsafe(queue)
    },
    values: Stream.unwrap(Effect.map(subscribe, Stream.fromQueue))
  }
}
