import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { describe, expect, it } from "vitest"
import { anchors } from "../site/anchors.ts"

const root = join(import.meta.dirname, "..")

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
  cwd: root,
  encoding: "utf8"
})
  .split("\n")
  .filter((path) => path !== "" && existsSync(join(root, path)))

/** Pages of this repository are linked to by their address where a README is read elsewhere. */
const own = /^https:\/\/github\.com\/effect-ciba\/effect-ciba\/(?:blob|tree)\/main\//

const withoutBlocks = (text: string) => text.replaceAll(/^(```+)[\s\S]*?^\1/gm, "")

const withoutCode = (text: string) => withoutBlocks(text).replaceAll(/`[^`\n]*`/g, "code")

const anchorsOf = (path: string) => {
  const headings = withoutBlocks(readFileSync(path, "utf8")).matchAll(/^#+ (.+)$/gm)
  return new Set(anchors(Array.from(headings, ([, title = ""]) => title)))
}

const findDead = (file: string) =>
  Array.from(
    withoutCode(readFileSync(join(root, file), "utf8")).matchAll(/\]\(([^)\s]+)\)/g),
    ([, link = ""]) => link
  ).filter((link) => {
    const isOwn = own.test(link)
    if (!isOwn && /^[a-z]+:/i.test(link)) return false
    const [path = "", anchor] = link.replace(own, "").split("#")
    const target = path === "" ? join(root, file) : join(isOwn ? root : dirname(join(root, file)), path)
    return !existsSync(target) || (anchor !== undefined && target.endsWith(".md") && !anchorsOf(target).has(anchor))
  })

describe("the links of the documents", () => {
  it("are looked at in each of them", () => {
    expect(files).toContain("README.md")
    expect(files.length).toBeGreaterThan(60)
    expect(files.map((file) => relative(root, join(root, file)))).toEqual(files)
  })

  for (const file of files) {
    it(`lead somewhere in ${file}`, () => expect(findDead(file)).toEqual([]))
  }
})
