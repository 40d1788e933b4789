/**
 * The header `Retry-After`.
 *
 * @see RFC 9110 section 10.2.3
 */
import { Clock, Duration, Effect, Result } from "effect"
import { Headers } from "effect/http"

/**
 * The delay that `Retry-After` asks for, ten years at most. `now` is in milliseconds since the epoch. `undefined` if the
 * header is missing or malformed, or is a date that is not in the future.
 *
 * @see RFC 9110 section 10.2.3
 * @since 0.1.0
 * @stability unstable
 */
export const parseRetryAfter = (headers: Headers.Headers, now: number): Duration.Duration | undefined =>
  Result.match(Headers.parseRetryAfter(headers["retry-after"] ?? ""), {
    onFailure: () => undefined,
    onSuccess: (value) => {
      const delay = Headers.retryAfterDelay(value, now)
      return value._tag === "DateTime" && Duration.isZero(delay) ? undefined : Duration.min(delay, tenYears)
    }
  })

const tenYears = Duration.days(3650)

/** The delay that the header asks for now. */
export const read = (headers: Headers.Headers): Effect.Effect<Duration.Duration | undefined> =>
  headers["retry-after"] === undefined
    ? Effect.undefined
    : Effect.map(Clock.currentTimeMillis, (now) => parseRetryAfter(headers, now))
