import { assert, it } from "@effect/vitest"
import { interoperabilityPage, type Result, unknownNames } from "../servers/page.ts"

const result = (row: string, name: string, more: Partial<Result> = {}): Result => ({
  server: "some server",
  row,
  name,
  passed: true,
  sent: "token 200",
  ...more
})

const providers = [{ name: "some server", missing: { "row one: b": "it cannot" } }]

it("the page counts the cells that passed, and shows those that failed", () => {
  const page = interoperabilityPage(providers, [
    result("row one", "a"),
    result("row one", "c", { passed: false, sent: "" })
  ])
  assert.include(page, "| row one | – | 1 of 2 |")
  assert.include(page, "| row one | a | passed | token 200 |")
  assert.include(page, "| row one | c | **failed** |  |")
  assert.include(page, "| row one: b | it cannot |")
})

it("cells and rows share a line where the provider sent the same", () => {
  const all = ["one", "two"].flatMap((row) => ["a", "b"].map((name) => result(row, name)))
  assert.include(interoperabilityPage(providers, all), "| one; two | a; b | passed | token 200 |")
})

it("a name in the tables that is no row or cell is found", () => {
  assert.include(unknownNames(providers, [result("another row", "a")]), "row one: b")
  assert.notInclude(unknownNames(providers, [result("row one", "a")]), "row one: b")
})
