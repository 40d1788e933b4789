// Checks the imports of an installed package: each path that its package.json lists loads, and no other file does.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { list } from "../source.ts"
import { isWildcard, listSubpaths } from "./PublicModules.ts"

const modules = /^(dist\/.*\.js|src\/.*\.ts)$/

/** The spellings of a file's path: from the root of the package, below `dist` and `src`, and its name alone. */
const spellings = (file: string): ReadonlyArray<string> => {
  const inner = file.replace(/^(dist|src)\//, "")
  const bare = inner.replace(/\.(js|ts)$/, "")
  return [file, file.replace(/\.(js|ts)$/, ""), inner, bare, bare.replace(/^.*\//, "")]
}

/** A program for the folder in which the packages are installed; it fails with a line for each wrong path. */
export const program = (folder: string, names: ReadonlyArray<string>): string => {
  const open: Array<string> = []
  const closed = new Set<string>()
  for (const name of names) {
    const installed = join(folder, "node_modules", name)
    const { exports = {} } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"))
    const wildcard = Object.keys(exports).find(isWildcard)
    if (wildcard !== undefined)
      throw new Error(`${name}: exports has a wildcard, "${wildcard}": name each public module`)
    const subpaths = listSubpaths(exports).map(([subpath]) => subpath)
    const files = list(installed, ".", modules, new Set(["node_modules"]))
    if (files.length === 0) throw new Error(`${name}: the package has no modules`)
    open.push(name, ...subpaths.map((subpath) => `${name}/${subpath}`))
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
for (const path of ${JSON.stringify([...closed])}) {
  const found = await code(path)
  if (found !== refused) wrong.push(path + " is not listed, and its import is not refused: " + found)
}
for (const line of wrong) console.error(line)
console.log("imports: ${open.length} listed, ${closed.size} refused, " + wrong.length + " wrong")
process.exitCode = wrong.length === 0 ? 0 : 1
`
}
