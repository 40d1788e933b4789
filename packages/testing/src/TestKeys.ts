/**
 * Signing keys for tests, each made once per process: an RSA key is too slow to make for every test.
 *
 * **Example** (The same key each time, and another one)
 *
 * ```ts
 * import { TestKeys } from "@effect-ciba/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const key = yield* TestKeys.signing("ES256")
 *   const same = yield* TestKeys.signing("ES256")
 *   const other = yield* TestKeys.signing("ES256", "stranger")
 *   return [key === same, key === other]
 * })
 *
 * await Effect.runPromise(program) // => [true, false]
 * ```
 */
import type * as JwsAlgorithm from "@effect-ciba/core/JwsAlgorithm"
import * as SigningKey from "@effect-ciba/core/SigningKey"
import { Effect } from "effect"

/** The process's key for an algorithm; a `name` gives further keys. The provider's own ones are called "provider". */
export const signing = (algorithm: JwsAlgorithm.Asymmetric, name = "provider"): Effect.Effect<SigningKey.KeyPair> =>
  Effect.suspend(() => {
    const id = `${algorithm} ${name}`
    return (
      made.get(id) ??
      Effect.flatMap(Effect.cached(SigningKey.generate(algorithm)), (key) => {
        made.set(id, key)
        return key
      })
    )
  })

const made = new Map<string, Effect.Effect<SigningKey.KeyPair>>()
