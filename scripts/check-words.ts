// Fails on banned words and participles as function names: see CONTRIBUTING.md. Arguments are paths.
import { readFileSync } from "node:fs"
import { join, posix, relative, resolve, sep } from "node:path"
import { type Finding, format } from "./Finding.ts"
import { list, parse } from "./source.ts"
import * as participles from "./words/participles.ts"
import * as words from "./words/words.ts"

const searched =
  /^((packages|docs|examples|e2e|scripts|site)\/.*\.([cm]?[jt]s|html|json|md)|(README|ARCHITECTURE|CONTRIBUTING|SECURITY)\.md)$/

/** The list of banned words and its tests. */
const itself = /^scripts\/(words\/|test\/check-words\.test\.ts$)/

const checkFile = (root: string, path: string): ReadonlyArray<Finding> => {
  const text = readFileSync(join(root, path), "utf8")
  if (!/[jt]s$/.test(path)) return words.checkDocument(path, text)
  const source = parse(path, text)
  return [...(itself.test(path) ? [] : words.check(source)), ...participles.check(source)]
}

/** The findings of the whole workspace, or of the given files and folders. */
export const check = (root: string, under: ReadonlyArray<string> = ["."]): ReadonlyArray<Finding> => {
  const files = [...list(root, ".", searched), ...list(root, ".changeset", /\.md$/)]
  const parts = under.map((part) => {
    const prefix = posix.normalize(`${part}/`)
    const inside = files.filter((path) => prefix === "./" || `${path}/`.startsWith(prefix))
    if (inside.length === 0) throw new Error(`${part}: no file here is searched`)
    return inside
  })
  return [...new Set(parts.flat())]
    .sort()
    .flatMap((path) => checkFile(root, path).toSorted((one, other) => one.line - other.line))
}

if (import.meta.main) {
  const root = resolve(import.meta.dirname, "..")
  const under = process.argv.slice(2).map((path) => relative(root, resolve(path)).split(sep).join("/") || ".")
  const findings = check(root, under.length === 0 ? undefined : under)
  for (const finding of findings) console.log(format(finding))
  console.log(`words: ${findings.length} findings`)
  process.exitCode = findings.length === 0 ? 0 : 1
}
