import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"

const root = join(import.meta.dirname, "..")

const read = (path: string) => readFileSync(join(root, path), "utf8")

const names = (text: string) => new Set(Array.from(text.matchAll(/\bCIBA_[A-Z0-9_]+/g), ([name]) => name))

/** The variables that the rows of a table begin with. */
const ofTable = (text: string) =>
  names(Array.from(text.matchAll(/^[ *]*\| (`CIBA_[^|]*)\|/gm), ([, cell]) => cell).join())

/** Each variable that the code reads, and the `_FILE` twin of each that has one. */
const ofCode = () => {
  const folder = "packages/platform-node/src"
  const internal = readdirSync(join(root, folder, "internal")).map((name) => `${folder}/internal/${name}`)
  const code = [`${folder}/NodeCiba.ts`, ...internal].map((path) => read(path).replaceAll(/\/\*\*.*?\*\//gs, "")).join()
  const twins = Array.from(code.matchAll(/variables\.read(?:Key|Secret)\("(\w+)"\)/g), ([, name]) => `${name}_FILE`)
  return new Set([...names(code), ...twins])
}

it("the document and the comment of NodeCiba.layerConfig list each variable that is read, and no other", () => {
  expect(ofCode().size).toBeGreaterThan(15)
  expect([...ofTable(read("docs/configuration.md"))].sort()).toEqual([...ofCode()].sort())
  expect([...ofTable(read("packages/platform-node/src/NodeCiba.ts"))].sort()).toEqual([...ofCode()].sort())
})
