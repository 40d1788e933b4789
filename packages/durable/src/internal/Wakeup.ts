/** Wakes those that wait in this process. */
import { Effect } from "effect"

export interface Wakeup {
  readonly send: Effect.Effect<void>
  /** Waits for the next one; not at all, if one came while none waited. */
  readonly await: Effect.Effect<void>
}

export const make = (): Wakeup => {
  const waiting = new Set<() => void>()
  let isMissed = false
  return {
    send: Effect.sync(() => {
      isMissed = waiting.size === 0
      for (const wake of waiting) wake()
      waiting.clear()
    }),
    await: Effect.callback((resume) => {
      const wake = () => resume(Effect.void)
      if (isMissed) {
        isMissed = false
        wake()
        return Effect.void
      }
      waiting.add(wake)
      return Effect.sync(() => waiting.delete(wake))
    })
  }
}
