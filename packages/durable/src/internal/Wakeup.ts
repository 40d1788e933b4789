/** Wakes those that wait in this process. */
import { Effect } from "effect"

export interface Wakeup {
  readonly send: Effect.Effect<void>
  /** Waits for the next one. */
  readonly await: Effect.Effect<void>
}

export const make = (): Wakeup => {
  const waiting = new Set<() => void>()
  return {
    send: Effect.sync(() => {
      for (const wake of waiting) wake()
      waiting.clear()
    }),
    await: Effect.callback((resume) => {
      const wake = () => resume(Effect.void)
      waiting.add(wake)
      return Effect.sync(() => waiting.delete(wake))
    })
  }
}
