import { assert, describe, it } from "@effect/vitest"
import { Transport } from "@effect-ciba/core"
import { Duration } from "effect"
import { Headers } from "effect/http"

const now = Date.UTC(1994, 10, 6, 8, 49, 37)

const parse = (value: string): number | undefined => {
  const duration = Transport.parseRetryAfter(Headers.fromInput({ "Retry-After": value }), now)
  return duration === undefined ? undefined : Duration.toMillis(duration)
}

describe("Transport.parseRetryAfter", () => {
  const values: ReadonlyArray<readonly [what: string, value: string, millis: number | undefined]> = [
    ["reads seconds", "120", 120_000],
    ["reads zero seconds", "0", 0],
    ["ignores white space around seconds", " 7 ", 7_000],
    ["caps seconds at ten years", "315360001", 315_360_000_000],
    ["caps a number of 400 digits at ten years", "9".repeat(400), 315_360_000_000],
    ["caps a date at ten years", "Fri, 31 Dec 9999 23:59:59 GMT", 315_360_000_000],
    ["reads an HTTP date", "Sun, 06 Nov 1994 08:50:17 GMT", 40_000],
    ["reads a date in the format of RFC 850", "Sunday, 06-Nov-94 08:50:17 GMT", 40_000],
    ["reads a date in the format of asctime", "Sun Nov  6 08:50:17 1994", 40_000],
    ["ignores a date that is now", "Sun, 06 Nov 1994 08:49:37 GMT", undefined],
    ["ignores a date in the past", "Sun, 06 Nov 1994 08:49:36 GMT", undefined],
    ["ignores a negative number", "-5", undefined],
    ["ignores a fraction", "1.5", undefined],
    ["ignores an exponent", "1e3", undefined],
    ["ignores two values", "1, 2", undefined],
    ["ignores a date of another format", "1994-11-06T08:50:17Z", undefined],
    ["ignores a word", "soon", undefined],
    ["ignores an empty value", "", undefined]
  ]
  for (const [what, value, millis] of values) {
    it(`${what} (H9)`, () => {
      assert.strictEqual(parse(value), millis)
    })
  }

  it("gives undefined without the header", () => {
    assert.strictEqual(Transport.parseRetryAfter(Headers.empty, now), undefined)
  })
})
