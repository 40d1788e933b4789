// A copy of the workspace, in which sources may be broken: a run that is killed leaves none of them behind.
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"

const root = join(import.meta.dirname, "..", "..")

const folder = join(root, ".cache", "mutation")

const listFiles = (...options: ReadonlyArray<string>): ReadonlyArray<string> =>
  execFileSync("git", ["ls-files", "-z", ...options], { cwd: root, encoding: "utf8", maxBuffer: 2 ** 26 })
    .split("\0")
    .filter((path) => path !== "")

/** Copies what git knows or would know; installed packages are hard links. */
export const copy = (): string => {
  rmSync(folder, { recursive: true, force: true })
  const deleted = new Set(listFiles("--deleted"))
  for (const path of listFiles("--cached", "--others", "--exclude-standard")) {
    if (deleted.has(path)) continue
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    cpSync(join(root, path), join(folder, path), { verbatimSymlinks: true })
  }
  for (const path of listFiles("--others", "--ignored", "--exclude-standard", "--directory")) {
    if (path.endsWith("node_modules/")) execFileSync("cp", ["-al", join(root, path), dirname(join(folder, path))])
  }
  return folder
}

export const remove = (): void => rmSync(folder, { recursive: true, force: true })
