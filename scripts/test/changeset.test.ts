import { execFileSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import { missing } from "../api/changeset.ts"
import { plant } from "./planted.ts"

const snapshot = "docs/api/core.d.ts.txt"

describe("missing (changeset)", () => {
  const changeset = (text: string) => `---\n"@effect-ciba/core": minor\n---\n\n${text}\n`

  const repository = () => {
    const root = plant({})
    const git = (...args: ReadonlyArray<string>) =>
      execFileSync("git", ["-c", "user.name=test", "-c", "user.email=test@example.com", ...args], {
        cwd: root,
        encoding: "utf8",
        stdio: "pipe"
      })
    const put = (path: string, text: string) => {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    const commit = () => {
      git("add", "-A")
      git("commit", "-q", "-m", "Change")
    }
    const declare = (type: string) => put(snapshot, `// core/Poll\n\nexport declare const wait: ${type}\n`)
    const problem = () => missing(root, "core", "@effect-ciba/core", snapshot)
    git("init", "-q", "-b", "main")
    declare("number")
    return { commit, declare, git, problem, put, root }
  }

  const repositoryWithChangeset = () => {
    const all = repository()
    all.put(".changeset/first.md", changeset("First."))
    all.commit()
    return all
  }

  it("a change of the declarations passes with a changeset in its commit or in a later one", () => {
    const { commit, declare, problem, put } = repositoryWithChangeset()
    expect(problem()).toBeUndefined()
    declare("string")
    put(".changeset/second.md", changeset("Second."))
    commit()
    expect(problem()).toBeUndefined()
    declare("boolean")
    commit()
    expect(problem()).toContain("has changed since the last changeset")
    put(".changeset/second.md", changeset("Second, and more."))
    commit()
    expect(problem()).toBeUndefined()
  })

  it("a change of the declarations fails without a new changeset, and lists what has changed", () => {
    const { commit, declare, problem } = repositoryWithChangeset()
    declare("string")
    commit()
    expect(problem()).toMatch(/has changed since the last changeset for it[\s\S]*\+ export declare const wait: string/)
  })

  it("a change of the declarations fails with a changeset that names other packages or none", () => {
    const { commit, declare, problem, put } = repositoryWithChangeset()
    declare("string")
    put(".changeset/second.md", '---\n"@effect-ciba/core-extra": minor\n---\n\n@effect-ciba/core: minor\n')
    put(".changeset/third.md", "---\n---\n")
    commit()
    expect(problem()).toContain("has changed since the last changeset")
  })

  it("a merge into main of a branch without a changeset fails, whatever the branch has merged before", () => {
    const { commit, declare, git, problem, put } = repositoryWithChangeset()
    git("checkout", "-q", "-b", "branch")
    declare("string")
    commit()
    git("checkout", "-q", "main")
    put(".changeset/other.md", changeset("Other."))
    commit()
    git("checkout", "-q", "branch")
    git("merge", "-q", "--no-edit", "main")
    git("checkout", "-q", "main")
    git("merge", "-q", "--no-ff", "--no-edit", "branch")
    expect(problem()).toContain("has changed since the last changeset")
  })

  it("a merge into main of a branch with its own changeset passes", () => {
    const { commit, declare, git, problem, put } = repositoryWithChangeset()
    git("checkout", "-q", "-b", "branch")
    put(".changeset/second.md", changeset("Second."))
    commit()
    declare("string")
    commit()
    expect(problem()).toContain("has changed since the last changeset")
    git("checkout", "-q", "main")
    git("merge", "-q", "--no-ff", "--no-edit", "branch")
    expect(problem()).toBeUndefined()
  })

  it("changesets may become a changelog in a release, but not be deleted only", () => {
    const { commit, git, problem, put } = repositoryWithChangeset()
    git("rm", "-q", ".changeset/first.md")
    git("commit", "-q", "-m", "Delete")
    expect(problem()).toContain("is not released, and no changeset")
    put("packages/core/CHANGELOG.md", "# 0.1.0\n")
    commit()
    expect(problem()).toBeUndefined()
  })

  it("a shallow history fails", () => {
    const { commit, declare, git, root } = repositoryWithChangeset()
    declare("string")
    commit()
    const cut = plant({})
    git("clone", "-q", "--depth", "1", `file://${root}`, join(cut, "clone"))
    expect(missing(join(cut, "clone"), "core", "@effect-ciba/core", snapshot)).toContain("the history is cut off")
  })

  it("a package that no changeset has named fails", () => {
    const { commit, problem } = repository()
    commit()
    expect(problem()).toContain("has changed and no changeset names it")
  })

  it("a repository without commits has no finding", () => {
    expect(repository().problem()).toBeUndefined()
  })
})
