/**
 * Counts the calls of WebCrypto that are under way. Neither jose nor `effect/crypto` says when a signature is done, and
 * both call the methods of `SubtleCrypto`: there each call of a program passes, the user's own included.
 */
import { Effect, type Scope } from "effect"

export interface CryptoWork {
  /** How many calls have begun so far. */
  readonly countCalls: () => number
  /** How many of them are not over. */
  readonly countPending: () => number
}

/** Counts as long as its scope is open; the methods are then what they were. */
export const count: Effect.Effect<CryptoWork, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    if (counters === 0) restore = replaceMethods()
    counters += 1
    return { countCalls: () => calls, countPending: () => pending }
  }),
  () =>
    Effect.sync(() => {
      counters -= 1
      if (counters === 0) restore()
    })
)

/** One count for the process, as there is one `SubtleCrypto`. */
let counters = 0
let calls = 0
let pending = 0
let restore = (): void => undefined

const names = [
  "decrypt",
  "deriveBits",
  "deriveKey",
  "digest",
  "encrypt",
  "exportKey",
  "generateKey",
  "importKey",
  "sign",
  "unwrapKey",
  "verify",
  "wrapKey"
] as const

/** Puts counting methods in the place of the original ones; the function that takes that back. */
const replaceMethods = (): (() => void) => {
  const { prototype } = SubtleCrypto
  const originals = names.map((name) => [name, prototype[name]] as const)
  for (const [name, original] of originals) {
    Object.assign(prototype, {
      [name](this: SubtleCrypto, ...parameters: ReadonlyArray<unknown>): Promise<unknown> {
        const result: Promise<unknown> = Reflect.apply(original, this, parameters)
        calls += 1
        pending += 1
        result.then(end, end)
        return result
      }
    })
  }
  return () => {
    for (const [name, original] of originals) Object.assign(prototype, { [name]: original })
  }
}

const end = (): void => {
  pending -= 1
}
