// Checks docs/security.md: each row that says what the library does names a test, and the tests exist.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { exists, readCitations } from "./CitedTests.ts"

const text = readFileSync(join(import.meta.dirname, "security.md"), "utf8")

/** The rows of the tables whose last column names the test. */
const rows = Array.from(text.matchAll(/^\|.* shown by \|\n.*\n((?:\|.*\n)+)/gm), ([, body = ""]) =>
  body.trim().split("\n")
).flat()

describe("docs/security.md", () => {
  it("names a test for each threat, and for each layer that must not be put around the client", () => {
    expect(rows.length).toBeGreaterThan(25)
    expect(rows.filter((row) => readCitations(row).length === 0)).toEqual([])
  })

  it("names tests that exist", () => {
    expect(readCitations(text).filter((test) => !exists(test))).toEqual([])
  })
})
