/**
 * Internals that `@effect-ciba/testing` is built on. They change without notice.
 *
 * **When to use**
 *
 * To write a provider of your own for tests. Programs that only use CIBA need none of it.
 *
 * **Example** (The `at_hash` of an access token)
 *
 * ```ts
 * import { TokenHash } from "@effect-ciba/core/unstable/jose"
 * import { Effect, Redacted } from "effect"
 *
 * const hash = TokenHash.leftHalf(Redacted.make("G5kXH2wHvUra0sHlDy1iTkDJgsgUO1bN"), "RS256")
 *
 * await Effect.runPromise(hash) // => "Wt0kVFXMacqvnHeyU0001w"
 * ```
 */

/**
 * @since 0.1.0
 * @stability unstable
 */
export * as JsonWebToken from "./crypto/JsonWebToken.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export * as TokenHash from "./crypto/TokenHash.ts"
