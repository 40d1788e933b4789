import { assert, describe, it } from "@effect/vitest"
import { Transport } from "@effect-ciba/core"
import { Duration } from "effect"
import { Headers } from "effect/http"

const now = Date.UTC(1994, 10, 6, 8, 49, 37)

const wish = (value: string): number | undefined => {
  const duration = Transport.parseRetryAfter(Headers.fromInput({ "Retry-After": value }), now)
  return duration === undefined ? undefined : Duration.toMillis(duration)
}

describe("Retry-After", () => {
  const wishes: ReadonlyArray<readonly [what: string, value: string, millis: number | undefined]> = [
    ["seconds", "120", 120_000],
    ["zero seconds", "0", 0],
    ["seconds between spaces", " 7 ", 7_000],
    ["ten years, where it asks for more", "315360001", 315_360_000_000],
    ["ten years, where the number has no end", "9".repeat(400), 315_360_000_000],
    ["ten years, where it asks for a date beyond", "Fri, 31 Dec 9999 23:59:59 GMT", 315_360_000_000],
    ["the time to an HTTP date", "Sun, 06 Nov 1994 08:50:17 GMT", 40_000],
    ["the time to a date in the form of RFC 850", "Sunday, 06-Nov-94 08:50:17 GMT", 40_000],
    ["the time to a date in the form of asctime", "Sun Nov  6 08:50:17 1994", 40_000],
    ["no wish for a date that is now", "Sun, 06 Nov 1994 08:49:37 GMT", undefined],
    ["no wish for a date that has passed", "Sun, 06 Nov 1994 08:49:36 GMT", undefined],
    ["no wish for a negative number", "-5", undefined],
    ["no wish for a fraction", "1.5", undefined],
    ["no wish for an exponent", "1e3", undefined],
    ["no wish for two values", "1, 2", undefined],
    ["no wish for another form of date", "1994-11-06T08:50:17Z", undefined],
    ["no wish for a word", "soon", undefined],
    ["no wish for nothing", "", undefined]
  ]
  for (const [what, value, millis] of wishes) {
    it(`means ${what} (H9)`, () => {
      assert.strictEqual(wish(value), millis)
    })
  }

  it("is no wish where there is none", () => {
    assert.strictEqual(Transport.parseRetryAfter(Headers.empty, now), undefined)
  })
})
