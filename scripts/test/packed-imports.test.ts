import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { program } from "../api/packed.ts"
import { plant } from "./planted.ts"

const name = "@effect-ciba/core"
const installed = `node_modules/${name}`

const tryImports = (exports: unknown, files: Record<string, string> = {}, members: object = {}) => {
  const root = plant({
    [`${installed}/package.json`]: JSON.stringify({ name, type: "module", exports, ...members }),
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
  it("a package passes if each listed path loads and every other import is refused", () => {
    expect(tryImports(closed)).toEqual({
      status: 0,
      output: expect.stringMatching(/^imports: 2 listed, 0 without their peer, \d+ refused, 0 wrong\n$/)
    })
  })

  it("a listed path that does not load fails", () => {
    const { output, status } = tryImports({ ...closed, "./Wait": "./dist/Wait.js" })
    expect(status).toBe(1)
    expect(output).toContain(`${name}/Wait is listed, and its import fails: ERR_MODULE_NOT_FOUND`)
  })

  it("a module that imports an optional peer lacks it as long as it is not installed, and no other does", () => {
    const peers = { peerDependenciesMeta: { driver: { optional: true } } }
    const exports = { ...closed, "./Driver": "./dist/Driver.js" }
    const driver = { [`${installed}/dist/Driver.js`]: 'export * from "driver"' }
    expect(tryImports(exports, driver, peers)).toEqual({
      status: 0,
      output: expect.stringMatching(/^imports: 2 listed, 1 without their peer, \d+ refused, 0 wrong\n$/)
    })
    const present = {
      "node_modules/driver/package.json": JSON.stringify({ name: "driver", exports: "./index.mjs" }),
      "node_modules/driver/index.mjs": "export const connect = 1"
    }
    expect(tryImports(exports, { ...driver, ...present }, peers)).toEqual({
      status: 0,
      output: expect.stringMatching(/^imports: 3 listed, 0 without their peer, \d+ refused, 0 wrong\n$/)
    })
    const both = { ...driver, [`${installed}/dist/index.js`]: 'import "./Driver.js"' }
    const { output, status } = tryImports(exports, both, peers)
    expect(status).toBe(1)
    expect(output).toContain(`${name} is listed, and its import fails: ERR_MODULE_NOT_FOUND`)
  })

  it("a package without an exports map fails", () => {
    const { output, status } = tryImports(undefined)
    expect(status).toBe(1)
    expect(output).toContain(`${name}/dist/internal/Wire.js is not listed, and its import is not refused: imported`)
    expect(output).toContain(`${name}/src/wait/Poll.ts is not listed, and its import is not refused`)
  })

  it("a wildcard in exports fails", () => {
    expect(() => tryImports({ ...closed, "./*": "./dist/*.js" })).toThrow(`${name}: exports has a wildcard, "./*"`)
  })
})
