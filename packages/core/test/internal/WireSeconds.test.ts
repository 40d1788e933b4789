import { describe, expect, it } from "@effect/vitest"
import { Duration, Option, Schema } from "effect"
import * as WireSeconds from "../../src/internal/WireSeconds.ts"

const decode = Schema.decodeUnknownOption(WireSeconds.WireSeconds)

const tenYears = 315_360_000

describe("seconds in a response", () => {
  for (const [value, seconds] of [
    [120, 120],
    ["120", 120],
    [1.9, 1],
    ["59.9", 59],
    [0.2, 1],
    [1e300, tenYears]
  ] as const) {
    it(`${JSON.stringify(value)} as a lifetime is ${seconds} s (T-8)`, () => {
      expect(decode(value)).toEqual(Option.some(Duration.seconds(seconds)))
    })
  }

  for (const value of [0, -1, "", "1e3", " 5", "-5", "5.", null, true, Number.NaN]) {
    it(`${JSON.stringify(value)} is no lifetime (T-8)`, () => {
      expect(decode(value)).toEqual(Option.none())
    })
  }

  for (const [value, seconds] of [
    [7, 7],
    ["7", 7],
    [2.1, 3],
    [0, 1],
    ["0", 1],
    [-3, 5],
    [undefined, 5],
    ["soon", 5],
    [1e300, tenYears]
  ] as const) {
    it(`${JSON.stringify(value)} as an interval is ${seconds} s (T-8)`, () => {
      expect(WireSeconds.decodeInterval(value)).toEqual(Duration.seconds(seconds))
    })
  }
})
