// What an installed package lacks: its license and README, the source map that a file names, or a source that a map names.
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
  return ["LICENSE", "README.md", ...new Set(named)]
    .filter((path) => !existsSync(join(installed, path)))
    .map((path) => `${installed} lacks ${path}`)
}
