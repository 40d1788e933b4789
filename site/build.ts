// Writes the pages of the site, and builds it: npm run docs. Arguments go to VitePress, `--base /effect-ciba/` for one.
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { documents } from "./documents.ts"
import { homePage } from "./home.ts"
import { relink } from "./links.ts"
import type { Group, Page } from "./Page.ts"
import { reference } from "./reference.ts"

const root = resolve(import.meta.dirname, "..")

/** Where the pages are written, and the order of the side bar. */
const target = join(root, ".cache/site")

const run = (tool: string, ...parameters: ReadonlyArray<string>): void => {
  const { error, status } = spawnSync(tool, parameters, { cwd: root, stdio: "inherit" })
  if (status !== 0) throw new Error(error?.message ?? `${tool} failed`)
}

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(target, path)), { recursive: true })
  writeFileSync(join(target, path), text)
}

const writePages = (): void => {
  const groups = documents(root)
  const modules = reference(root)
  const written = relink(root, [homePage(root), ...pagesOf(groups)])
  rmSync(target, { force: true, recursive: true })
  for (const { path, text } of [...written, ...pagesOf(modules)]) write(path, text)
  const contents = [...groups, ...modules].filter(({ pages }) => pages.length > 0)
  write(
    "contents.json",
    JSON.stringify(contents, (key, value) => (key === "text" ? undefined : value))
  )
}

const pagesOf = (groups: ReadonlyArray<Group>): ReadonlyArray<Page> => groups.flatMap(({ pages }) => pages)

run("tsc", "-b", "packages/core", "packages/durable", "packages/platform-node", "packages/testing")
writePages()
run("tsc", "-p", "site")
run(join(import.meta.dirname, "node_modules/.bin/vitepress"), "build", "site", ...process.argv.slice(2))
