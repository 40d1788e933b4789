import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { citations, readme, report } from "../check-rows.ts"
import { plant } from "./planted.ts"

const requirements = [
  "# Requirements",
  "| id | level | text |",
  "| --- | --- | --- |",
  "| A1 | MUST | one |",
  "| `A2` | must(lc) | two |",
  "| A3 | SHOULD | three |",
  "| C17 | MUST | not claimed |",
  "| T-9 | — | nine |",
  "| Tj | MUST | a threat |"
].join("\n")

const rows = (test: string) =>
  report(plant({ "docs/requirements.md": requirements, "packages/core/test/A.test.ts": test }))

describe("rows", () => {
  it("rows are cited in parentheses or brackets, alone, as a list or as a range", () => {
    expect(citations("rejects it (H11, T-3)")).toEqual(["H11", "T-3"])
    expect(citations("rejects it [Tj] and it (A1–A3, T-8-T-9)")).toEqual(["Tj", "A1", "A2", "A3", "T-8", "T-9"])
    expect(citations("knows ES256 (RFC 7518) and H11 (an aside)")).toEqual([])
  })

  it("a row counts if the title of a running test cites it", () => {
    const { cited, problems, table } = rows(`
      it("one (A1)", () => {})
      it.effect(\`two \${name} [A2]\`, () => {})
      it.each([["nine (T-9)"]])("%s", () => {})
    `)
    expect(problems).toEqual([])
    expect(cited).toBe(3)
    expect(table.split("\n").slice(1)).toEqual([
      "A         3     2  ",
      "C         1     0  (C17)",
      "T         2     1  (Tj)"
    ])
  })

  it("a claimed mandatory row without a running test fails", () => {
    const { problems } = rows(`
      it("one (A1)", () => {})
      it.skip("two (A2)", () => {})
      describe.todo("two (A2)") // (A2)
    `)
    expect(problems).toEqual(["A2 is claimed, and no test cites it"])
  })

  it("a citation of an unknown row of a known group fails", () => {
    const { problems } = rows(`it("all (A1, A2, A7)"); it("none (Z1)")`)
    expect(problems).toEqual(["packages/core/test/A.test.ts cites A7, which is not in docs/requirements.md"])
  })

  it("a document without rows fails", () => {
    expect(report(plant({})).problems).toEqual(["docs/requirements.md has no rows"])
  })

  it("a wrong number in the README fails, and --write corrects it", () => {
    const root = plant({ "README.md": "Tests cite <!-- rows -->7<!-- /rows --> rows." })
    expect(readme(root, 7, false)).toEqual([])
    expect(readme(root, 8, false)).toEqual(["README.md says 7 rows, 8 are cited: npm run rows -- --write"])
    expect(readme(root, 8, true)).toEqual([])
    expect(readFileSync(join(root, "README.md"), "utf8")).toBe("Tests cite <!-- rows -->8<!-- /rows --> rows.")
    expect(readme(plant({ "README.md": "" }), 0, true)).toEqual(["README.md has no <!-- rows -->…<!-- /rows -->"])
  })
})
