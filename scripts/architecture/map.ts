// Checks the map of core in ARCHITECTURE.md: it has every file in its folder's lines, and no others.
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Finding } from "../Finding.ts"

const page = "ARCHITECTURE.md"
const core = /^packages\/core\/src\/([a-z]+)\/([A-Z]\w*)\.ts$/

export const check = (root: string, paths: ReadonlyArray<string>): ReadonlyArray<Finding> => {
  const file = join(root, page)
  const mapped = existsSync(file) ? entries(readFileSync(file, "utf8")) : new Map<string, number>()
  const files = new Set(paths.flatMap((path) => names(path)))
  const finding = (path: string, line: number, problem: string, mend: string): Finding => ({
    path,
    line,
    rule: "map",
    problem,
    mend
  })
  return [
    ...[...files]
      .filter((name) => !mapped.has(name))
      .map((name) => finding(`packages/core/src/${name}.ts`, 1, `not on the map in ${page}`, "Put it there")),
    ...[...mapped]
      .filter(([name]) => !files.has(name))
      .map(([name, line]) => finding(page, line, `${name} is on the map, and nowhere else`, "Take it off"))
  ]
}

const names = (path: string): ReadonlyArray<string> => {
  const [, folder, name] = core.exec(path) ?? []
  return folder === undefined || name === "index" ? [] : [`${folder}/${name}`]
}

/** `folder/Name` and its line: a line that begins with a folder, and those below it that begin with blanks. */
const entries = (text: string): ReadonlyMap<string, number> => {
  const found = new Map<string, number>()
  let folder: string | undefined
  for (const [index, line] of text.split("\n").entries()) {
    if (/^[a-z]+\/ /.test(line)) folder = line.slice(0, line.indexOf("/"))
    else if (!line.startsWith("  ")) folder = undefined
    if (folder === undefined) continue
    for (const [name] of line.replace(/←.*/, "").matchAll(/\b[A-Z]\w*/g)) found.set(`${folder}/${name}`, index + 1)
  }
  return found
}
