// Checks the imports of an installed package: each path that its package.json lists loads, and no other file does.
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { list } from "../source.ts"
import { isRecord, isWildcard, listOptionalPeers, listSubpaths } from "./PublicModules.ts"

const modules = /^(dist\/.*\.js|src\/.*\.ts)$/

/** The spellings of a file's path: from the root of the package, below `dist` and `src`, and its name alone. */
const spellings = (file: string): ReadonlyArray<string> => {
  const inner = file.replace(/^(dist|src)\//, "")
  const bare = inner.replace(/\.(js|ts)$/, "")
  return [file, file.replace(/\.(js|ts)$/, ""), inner, bare, bare.replace(/^.*\//, "")]
}

/** Whether the file that a target names imports one of these packages. */
const needs = (installed: string, target: unknown, peers: ReadonlyArray<string>): boolean => {
  const path = isRecord(target) ? target.default : target
  if (typeof path !== "string" || !existsSync(join(installed, path))) return false
  const text = readFileSync(join(installed, path), "utf8")
  return peers.some((peer) => text.includes(` from "${peer}`))
}

/**
 * A program for the folder in which the packages are installed; it fails with a line for each wrong path. Without their optional peers, what
 * imports one of these itself is lacking it, and all else loads.
 */
export const program = (folder: string, names: ReadonlyArray<string>): string => {
  const open: Array<string> = []
  const lacking: Array<string> = []
  const closed = new Set<string>()
  for (const name of names) {
    const installed = join(folder, "node_modules", name)
    const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"))
    const { exports = {} } = manifest
    const absent = listOptionalPeers(manifest).filter((peer) => !existsSync(join(folder, "node_modules", peer)))
    const wildcard = Object.keys(exports).find(isWildcard)
    if (wildcard !== undefined)
      throw new Error(`${name}: exports has a wildcard, "${wildcard}": name each public module`)
    const targets = listSubpaths(exports)
    const subpaths = targets.map(([subpath]) => subpath)
    const isLacking = ([, target]: (typeof targets)[number]) => needs(installed, target, absent)
    const files = list(installed, ".", modules, new Set(["node_modules"]))
    if (files.length === 0) throw new Error(`${name}: the package has no modules`)
    const toPath = ([subpath]: (typeof targets)[number]) => `${name}/${subpath}`
    open.push(name, ...targets.filter((target) => !isLacking(target)).map(toPath))
    lacking.push(...targets.filter(isLacking).map(toPath))
    for (const path of [...files.flatMap(spellings), "internal/Any", "src/Any.ts", "dist/Any.js"]) {
      if (!subpaths.includes(path)) closed.add(`${name}/${path}`)
    }
  }
  return `const refused = "ERR_PACKAGE_PATH_NOT_EXPORTED"
const code = (path) => import(path).then(() => "imported", (error) => error.code ?? String(error))
const wrong = []
for (const path of ${JSON.stringify(open)}) {
  const found = await code(path)
  if (found !== "imported") wrong.push(path + " is listed, and its import fails: " + found)
}
for (const path of ${JSON.stringify(lacking)}) {
  const found = await code(path)
  if (found !== "ERR_MODULE_NOT_FOUND") wrong.push(path + " imports an optional peer that is not installed: " + found)
}
for (const path of ${JSON.stringify([...closed])}) {
  const found = await code(path)
  if (found !== refused) wrong.push(path + " is not listed, and its import is not refused: " + found)
}
for (const line of wrong) console.error(line)
console.log("imports: ${open.length} listed, ${lacking.length} without their peer, ${closed.size} refused, " + wrong.length + " wrong")
process.exitCode = wrong.length === 0 ? 0 : 1
`
}
