import { describe, expect, it } from "vitest"
import { budgets, type Figure, judge } from "../Figure.ts"
import { compareSides, median, percentile, summarize } from "../Statistics.ts"
import { toMarkdown } from "../Table.ts"

const name = "pending poll of 5,000 waits"

const figure = (values: ReadonlyArray<number>): Figure => ({
  name,
  unit: "µs CPU",
  own: summarize([60, 66]),
  peer: summarize([100]),
  value: summarize(values)
})

describe("a figure of the bench", () => {
  it("meets its budget by the median, and not by the best value", () => {
    expect(budgets[name]).toBe(0.7)
    expect(judge(figure([0.69, 0.7, 0.9]))).toBe("met")
    expect(judge(figure([0.1, 0.71, 0.72]))).toBe("not met")
    expect(judge(figure([Number.NaN]))).toBe("not met")
  })

  it("has no verdict without a budget", () => {
    expect(judge({ ...figure([9]), name: "lateness of 20,000 waits, p50" })).toBe("")
  })

  it("is a row of the table with medians, spreads and the verdict", () => {
    expect(
      toMarkdown([figure([0.6, 0.65, 0.7])])
        .split("\n")
        .at(-1)
    ).toBe(`| ${name} | µs CPU | 66.0 (60.0–66.0) | 100 | 0.65 (0.60–0.70) | ≤ 0.7 | met |`)
  })
})

describe("the statistics of the bench", () => {
  it("are taken of the sorted values", () => {
    expect([median([3, 1, 2]), percentile([5, 1, 4, 2, 3], 0.99), percentile([], 0.5)]).toEqual([2, 5, Number.NaN])
  })

  it("compare two sides by the least of each, which no neighbour of the machine has made larger", () => {
    expect(compareSides([2, 9, 4], [3, 1, 2])).toEqual({ middle: 2, least: 2 / 3, most: 9 })
    expect(compareSides([2], []).middle).toBeNaN()
  })
})
