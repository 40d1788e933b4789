import { describe, expect, it } from "vitest"
import { findMissing } from "../api/contents.ts"
import { plant } from "./planted.ts"

const whole = {
  LICENSE: "MIT",
  "README.md": "# A package",
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

  it("a package without its license and README fails", () => {
    expect(missingWithout("LICENSE", "README.md")).toEqual(["lacks LICENSE", "lacks README.md"])
  })

  it("a source map that is missing fails", () => {
    expect(missingWithout("dist/wait/Poll.js.map")).toEqual(["lacks dist/wait/Poll.js.map"])
  })

  it("a source map whose source is missing fails", () => {
    expect(missingWithout("src/wait/Poll.ts")).toEqual(["lacks src/wait/Poll.ts"])
  })
})
