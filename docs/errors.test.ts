import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { errorsPage } from "../scripts/errors-page.ts"

it("docs/errors.md is what the error tables say (npm run errors -- --write)", () => {
  expect(readFileSync(join(import.meta.dirname, "errors.md"), "utf8")).toBe(errorsPage())
})

it("docs/errors.md names no reason twice in a section, and has a sentence for each", () => {
  const sections = errorsPage().split("\n## ").slice(1, -1)
  expect(sections).toHaveLength(11)
  for (const section of sections) {
    const rows = section
      .split("\n")
      .filter((line) => line.startsWith("| `"))
      .map((line) => line.split(" | "))
    expect(rows.length).toBeGreaterThan(0)
    expect(new Set(rows.map(([name]) => name)).size).toBe(rows.length)
    for (const row of rows) expect(row.some((cell) => / /.test(cell.replaceAll(/[|`]/g, "").trim()))).toBe(true)
  }
})
