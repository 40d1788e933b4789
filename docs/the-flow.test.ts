import { expect, it } from "vitest"
import { problemsOf, readRows } from "./Tables.ts"

it("docs/the-flow.md names only what this library has for each step", () => {
  const rows = readRows("docs/the-flow.md", "step, in the words of the specification")
  expect(rows.flatMap((row) => row.ours)).toContain("BackchannelAuthentication.initiate")
  expect(problemsOf(rows)).toEqual([])
})
