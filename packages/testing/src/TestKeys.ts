/**
 * Signing keys for tests, each generated once per process, because RSA keys take long to generate.
 *
 * **Example** (The same key each time, and another one by name)
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

/**
 * The signing key for an algorithm and a name. By default it is the key that the test provider signs ID Tokens with.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const signing = (algorithm: JwsAlgorithm.Asymmetric, name = "provider"): Effect.Effect<SigningKey.KeyPair> =>
  Effect.suspend(() => {
    const id = `${algorithm} ${name}`
    return (
      generated.get(id) ??
      Effect.flatMap(Effect.cached(SigningKey.generate(algorithm)), (key) => {
        generated.set(id, key)
        return key
      })
    )
  })

/** One key for each name in a process, shared between clients. */
const generated = new Map<string, Effect.Effect<SigningKey.KeyPair>>()
