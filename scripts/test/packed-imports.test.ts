import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { program } from "../api/packed.ts"
import { plant } from "./planted.ts"

const name = "@effect-ciba/core"
const installed = `node_modules/${name}`

const tried = (exports: unknown, files: Record<string, string> = {}) => {
  const root = plant({
    [`${installed}/package.json`]: JSON.stringify({ name, type: "module", exports }),
    [`${installed}/dist/index.js`]: "export {}",
    [`${installed}/dist/wait/Poll.js`]: "export {}",
    [`${installed}/src/wait/Poll.ts`]: "export {}",
    [`${installed}/dist/internal/Wire.js`]: "export {}",
    ...files
  })
  writeFileSync(join(root, "imports.mjs"), program(root, [name]))
  const { status, stderr, stdout } = spawnSync(process.execPath, [join(root, "imports.mjs")], { encoding: "utf8" })
  return { status, output: `${stderr}${stdout}` }
}

const closed = { ".": "./dist/index.js", "./package.json": "./package.json", "./Poll": "./dist/wait/Poll.js" }

describe("the imports of an installed package", () => {
  it("pass where each listed path loads and every other is refused", () => {
    expect(tried(closed)).toEqual({
      status: 0,
      output: expect.stringMatching(/^imports: 2 listed, \d+ refused, 0 wrong\n$/)
    })
  })

  it("fail where a listed path does not load", () => {
    const { output, status } = tried({ ...closed, "./Wait": "./dist/Wait.js" })
    expect(status).toBe(1)
    expect(output).toContain(`${name}/Wait is listed, and its import fails: ERR_MODULE_NOT_FOUND`)
  })

  it("fail where nothing is refused, for want of a map", () => {
    const { output, status } = tried(undefined)
    expect(status).toBe(1)
    expect(output).toContain(`${name}/dist/internal/Wire.js is not listed, and its import is not refused: imported`)
    expect(output).toContain(`${name}/src/wait/Poll.ts is not listed, and its import is not refused`)
  })

  it("fail with a wildcard", () => {
    expect(() => tried({ ...closed, "./*": "./dist/*.js" })).toThrow(`${name}: exports has a wildcard, "./*"`)
  })
})
