import { describe, expect, it } from "vitest"
import { findMissing } from "../api/contents.ts"
import { plant } from "./planted.ts"

const whole = {
  LICENSE: "MIT",
  "README.md": "# A package, [with a link](https://example.com)",
  "AGENTS.md": "# A package",
  "llms.txt": "# A package",
  "src/wait/Poll.ts": "export {}",
  "dist/wait/Poll.js": "export {}\n//# sourceMappingURL=Poll.js.map",
  "dist/wait/Poll.js.map": JSON.stringify({ sources: ["../../src/wait/Poll.ts"] })
}

const missingWithout = (...paths: ReadonlyArray<string>) => {
  const root = plant(Object.fromEntries(Object.entries(whole).filter(([path]) => !paths.includes(path))))
  return findMissing(root).map((line) => line.replace(`${root} `, ""))
}

describe("the contents of an installed package", () => {
  it("a package passes if it has its license, its README, and what its source maps name", () => {
    expect(missingWithout()).toEqual([])
  })

  it("a package without its license and pages fails", () => {
    const pages = ["LICENSE", "README.md", "AGENTS.md", "llms.txt"]
    expect(missingWithout(...pages)).toEqual(pages.map((name) => `lacks ${name}`))
  })

  it("a README with a relative link fails", () => {
    const root = plant({ ...whole, "README.md": "[a guide](../../docs/guide.md)" })
    expect(findMissing(root)).toEqual([`${root}/README.md links to ../../docs/guide.md: an absolute link is needed`])
  })

  it("a source map that is missing fails", () => {
    expect(missingWithout("dist/wait/Poll.js.map")).toEqual(["lacks dist/wait/Poll.js.map"])
  })

  it("a source map whose source is missing fails", () => {
    expect(missingWithout("src/wait/Poll.ts")).toEqual(["lacks src/wait/Poll.ts"])
  })
})
