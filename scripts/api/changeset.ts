// Whether the latest change of a package's declarations comes with a changeset.
//
// The rule: the declarations now are those of the last commit that wrote a changeset which names the package, or the
// package's CHANGELOG. So a change of them demands a changeset that is written, or edited, in the same commit or later.
// Commits are those of the first-parent line: a merged branch counts as one commit, and plain `main` is all that is needed.
// A shallow history (`git clone --depth`) shows every file as new in its oldest commit, so it is rejected.
//
// The rule cannot know whether the changeset describes the change, nor, on a branch that has merged main, from which of the
// two the changeset came; the merge of the branch into main shows that.
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { list } from "../source.ts"
import { difference } from "./difference.ts"

const git = (root: string, ...args: ReadonlyArray<string>): string | undefined => {
  const { status, stdout } = spawnSync("git", args, { cwd: root, encoding: "utf8", maxBuffer: 2 ** 26 })
  return status === 0 ? stdout : undefined
}

const changesets = ".changeset"

/** Whether the front matter of a changeset names the package. */
export const names = (changeset: string, name: string): boolean => {
  const [, matter = ""] = /^---\n(.*?)^---$/ms.exec(changeset) ?? []
  return matter.split("\n").some((line) => line.replace(/:.*/, "").replace(/["']/g, "").trim() === name)
}

const lastWritten = (root: string, folder: string, name: string): string | undefined => {
  const changelog = `packages/${folder}/CHANGELOG.md`
  const format = [
    "--format=commit %H",
    "--name-only",
    "--diff-filter=AMR",
    "--first-parent",
    "--diff-merges=first-parent"
  ]
  const log = git(root, "log", ...format, "--", `${changesets}/*.md`, changelog) ?? ""
  let commit = ""
  for (const line of log.split("\n")) {
    if (line.startsWith("commit ")) commit = line.slice("commit ".length)
    else if (line === changelog) return commit
    else if (line !== "" && names(git(root, "show", `${commit}:${line}`) ?? "", name)) return commit
  }
  return undefined
}

/** What is missing; undefined without a history. `snapshot` is the path of the declarations. */
export const missing = (root: string, folder: string, name: string, snapshot: string): string | undefined => {
  if (git(root, "rev-parse", "--verify", "HEAD") === undefined) return undefined
  if (git(root, "rev-parse", "--is-shallow-repository")?.trim() !== "false") {
    return `the history is cut off, so no changeset can be looked for\n    Clone it whole: git fetch --unshallow, or fetch-depth: 0`
  }
  const commit = lastWritten(root, folder, name)
  const then = commit === undefined ? "" : (git(root, "show", `${commit}:${snapshot}`) ?? "")
  const changed = difference(then, existsSync(join(root, snapshot)) ? readFileSync(join(root, snapshot), "utf8") : "")
  if (changed !== "") {
    const since =
      commit === undefined ? "and no changeset names it" : `since the last changeset for it (${commit.slice(0, 9)})`
    return `${snapshot} has changed ${since}\n    Say what changes for users: npx changeset, or edit a pending one; commit it with the change or after it\n${indent(changed)}`
  }
  const pending = list(root, changesets, /\.md$/).map((path) => readFileSync(join(root, path), "utf8"))
  const isReleased = existsSync(join(root, `packages/${folder}/CHANGELOG.md`))
  return isReleased || pending.some((text) => names(text, name))
    ? undefined
    : `${name} is not released, and no changeset in ${changesets} names it\n    Write one: npx changeset`
}

const indent = (text: string): string => text.replace(/^/gm, "    ")
