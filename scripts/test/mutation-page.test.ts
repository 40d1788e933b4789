import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { equivalents } from "../mutation/equivalents.ts"
import { folders, mutationPage } from "../mutation/page.ts"

const root = join(import.meta.dirname, "..", "..")
const read = (path: string): string => readFileSync(join(root, path), "utf8")

it("docs/mutation.md is what the last runs have shown", () => {
  expect(read("docs/mutation.md")).toBe(mutationPage(JSON.parse(read("scripts/mutation/results.json"))))
})

it("a folder has its counts and its score, which leaves out what is equivalent", () => {
  const page = mutationPage({ wait: { killed: 17, equivalent: 5, survived: 3, minutes: 2, commit: "1234567" } })
  expect(page).toContain("| wait | 25 | 17 | 5 | 3 | 85.0 % | 2 | 1234567 |")
})

it("a folder that was not run says so", () => {
  const page = mutationPage({})
  for (const folder of folders) expect(page).toContain(`| ${folder} | – | – | – | – | – | – | not run |`)
})

it("an equivalent mutant is one of a file that has the original", () => {
  for (const { file, original } of equivalents) expect(read(`packages/core/src/${file}`)).toContain(original)
})
