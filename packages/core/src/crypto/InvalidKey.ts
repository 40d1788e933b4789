import { Effect, Schema } from "effect"
import * as ErrorClass from "../internal/ErrorClass.ts"

/**
 * A key cannot be used as it is; `problem` says why and what to do.
 *
 * @since 0.1.0
 * @stability stable
 */
export class InvalidKey extends ErrorClass.make<InvalidKey>()("InvalidKey", { problem: Schema.String }, [
  "the key cannot be used",
  "fixClient"
]) {}

/** Reads or tries a key. */
export const attempt = <A>(read: () => Promise<A>, problem: string): Effect.Effect<A, InvalidKey> =>
  Effect.tryPromise({ try: read, catch: () => new InvalidKey({ problem }) })
