// What an installed package lacks: its license and pages, the source map that a file names, or a source that a map names; and links in its
// README that lead nowhere outside the repository.
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { list } from "../source.ts"

export const findMissing = (installed: string): ReadonlyArray<string> => {
  const files = list(installed, "dist", /\.(js|d\.ts)$/, new Set())
  const named = files.flatMap((file) => {
    const [, map] = /^\/\/# sourceMappingURL=(.+)$/m.exec(readFileSync(join(installed, file), "utf8")) ?? []
    if (map === undefined) return []
    const path = join(dirname(file), map)
    if (!existsSync(join(installed, path))) return [path]
    const { sources }: { readonly sources: ReadonlyArray<string> } = JSON.parse(
      readFileSync(join(installed, path), "utf8")
    )
    return sources.map((source) => join(dirname(path), source))
  })
  return [
    ...["LICENSE", "README.md", "AGENTS.md", "llms.txt", ...new Set(named)]
      .filter((path) => !existsSync(join(installed, path)))
      .map((path) => `${installed} lacks ${path}`),
    ...findRelativeLinks(installed)
  ]
}

const findRelativeLinks = (installed: string): ReadonlyArray<string> => {
  const path = join(installed, "README.md")
  const text = existsSync(path) ? readFileSync(path, "utf8") : ""
  return Array.from(
    text.matchAll(/\]\((?!https:\/\/|#)([^)]*)\)/g),
    ([, link]) => `${path} links to ${link}: an absolute link is needed`
  )
}
