/**
 * Internals that `@effect-ciba/durable` is built on: the wait as a pure function, its stored form, and its polls. They change
 * without notice.
 *
 * **When to use**
 *
 * To write a driver of your own for waits. Programs that only use CIBA need none of it.
 *
 * **Example** (A wait that has polled once)
 *
 * ```ts
 * import { makeTermsOf, Wait } from "@effect-ciba/core/unstable/wait"
 *
 * const terms = makeTermsOf(30_000, false)("poll", "https://op.example.com/token")
 *
 * const [begun] = Wait.start(terms, { interval: 5000, deadline: 120_000 }, 0)
 * Wait.wakeAt(begun) // => 5000
 * const [due, commands] = Wait.step(begun, { _tag: "Due" }, 5000)
 * commands // => [{ _tag: "SendPoll" }]
 * const [pending] = Wait.step(due, { _tag: "Answered", answer: { _tag: "Pending" } }, 5100)
 * Wait.wakeAt(pending) // => 10100
 * ```
 */

/**
 * @since 0.1.0
 * @stability unstable
 */
export { judge } from "./CibaFlow.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export * as SealedJson from "./crypto/SealedJson.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export * as Throttle from "./http/Throttle.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export * as Broadcast from "./internal/Broadcast.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export { monotonicNow, monotonicNowUnsafe } from "./internal/MonotonicClock.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export { WaitProgress } from "./pending/WaitProgress.ts"
/**
 * @since 0.1.0
 * @stability unstable
 */
export { makeExpiryError } from "./wait/ActiveWait.ts"
/**
 * @since 0.1.0
 * @stability unstable
 */
export { makePrepare } from "./wait/PollMode.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export * as PollOutcome from "./wait/PollOutcome.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export * as StoredWait from "./wait/StoredWait.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export * as Wait from "./wait/Wait.ts"

/**
 * @since 0.1.0
 * @stability unstable
 */
export { makeTermsOf } from "./wait/WaitDriver.ts"
