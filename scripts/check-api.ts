// Checks the public API of the packages by three rules:
//
// 1. `docs/api/<package>.d.ts.txt` has the declarations of the public modules as the sources have them now; after a change,
//    `npm run api -- --write` writes it, and its diff is the change of the API.
// 2. In CI, a change of that file demands a changeset: `api/changeset.ts` says how it is found.
// 3. The list is closed, documented and used: `api/surface.ts`.
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { missing } from "./api/changeset.ts"
import { declarations, save, snapshotOf } from "./api/declarations.ts"
import { difference } from "./api/difference.ts"
import { packages } from "./api/PublicModules.ts"
import { check as surface } from "./api/surface.ts"
import { format } from "./Finding.ts"

export interface Options {
  /** Write the snapshots instead of comparing them. */
  readonly write: boolean
  /** Look for changesets in the history. */
  readonly history: boolean
}

/** The findings, after the compiler has emitted the packages' declarations. */
export const check = (root: string, { history, write }: Options): ReadonlyArray<string> => {
  const all = packages(root)
  const snapshots = all.flatMap((each) => {
    const path = snapshotOf(each.folder)
    const now = declarations(root, each)
    if (write) save(root, path, now)
    const recorded = existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : ""
    const mend = "    If a caller may notice: npm run api -- --write, and npx changeset"
    const changed = difference(recorded, now) || "    (comments or blank lines)"
    const differs = recorded === now ? [] : [`${path} is not what the sources declare\n${mend}\n${changed}`]
    const unsaid = history ? missing(root, each.folder, each.name, path) : undefined
    return [...differs, ...(unsaid === undefined ? [] : [unsaid])]
  })
  return [...snapshots, ...surface(root, all).map(format)]
}

const emit = (root: string): void => {
  const folders = packages(root).map(({ folder }) => join("packages", folder))
  const { error, status } = spawnSync("tsc", ["-b", ...folders], { cwd: root, stdio: "inherit" })
  if (status !== 0) throw new Error(error?.message ?? "the packages do not compile")
}

if (import.meta.main) {
  const root = resolve(import.meta.dirname, "..")
  emit(root)
  const problems = check(root, { history: process.env.CI === "true", write: process.argv.includes("--write") })
  for (const problem of problems) console.log(problem)
  console.log(`api: ${problems.length} findings`)
  process.exitCode = problems.length === 0 ? 0 : 1
}
