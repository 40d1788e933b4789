/** Wakes those that wait in this process. */
import { Effect } from "effect"

export interface Wakeup {
  readonly send: Effect.Effect<void>
  readonly sendUnsafe: () => void
  /** Waits for the next one; not at all, if one came while none waited. */
  readonly await: Effect.Effect<void>
}

export const make = (): Wakeup => {
  const waiting = new Set<() => void>()
  let isMissed = false
  /** Those that wait again as soon as they are woken wait for the next one. */
  const sendUnsafe = () => {
    const woken = [...waiting]
    waiting.clear()
    isMissed = woken.length === 0
    for (const wake of woken) wake()
  }
  return {
    send: Effect.sync(sendUnsafe),
    sendUnsafe,
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
