// Writes the pages of the site, and builds it: npm run docs. Arguments go to VitePress, `--base /effect-ciba/` for one.
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { documents } from "./documents.ts"
import { homePage } from "./home.ts"
import { relink } from "./links.ts"
import { reference } from "./reference.ts"

const root = resolve(import.meta.dirname, "..")

/** Where the pages are written, and the order of the side bar. */
const target = join(root, ".cache/site")

const run = (tool: string, ...parameters: ReadonlyArray<string>): void => {
  const { error, status } = spawnSync(tool, parameters, { cwd: root, stdio: "inherit" })
  if (status !== 0) throw new Error(error?.message ?? `${tool} failed`)
}

const writePages = (): void => {
  const groups = [...documents(root), ...reference(root)].filter(({ pages }) => pages.length > 0)
  rmSync(target, { force: true, recursive: true })
  for (const { path, text } of relink(root, [homePage(root), ...groups.flatMap(({ pages }) => pages)])) {
    mkdirSync(dirname(join(target, path)), { recursive: true })
    writeFileSync(join(target, path), text)
  }
  const contents = groups.map(({ pages, title }) => ({
    title,
    pages: pages.map(({ path, title }) => ({ path, title }))
  }))
  writeFileSync(join(target, "contents.json"), JSON.stringify(contents))
}

run("tsc", "-b", "packages/core", "packages/durable", "packages/platform-node", "packages/testing")
writePages()
run("tsc", "-p", "site")
run(join(import.meta.dirname, "node_modules/.bin/vitepress"), "build", "site", ...process.argv.slice(2))
