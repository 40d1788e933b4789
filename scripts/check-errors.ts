// Holds docs/errors.md to the error tables of packages/core: fails when the page is another, and writes it with --write.
import { readFileSync, writeFileSync } from "node:fs"
import { relative, resolve } from "node:path"
import { errorsPage } from "./errors-page.ts"

const path = resolve(import.meta.dirname, "../docs/errors.md")
const page = errorsPage()

if (process.argv.includes("--write")) {
  writeFileSync(path, page)
} else if (readFileSync(path, "utf8") !== page) {
  console.error(`${relative(process.cwd(), path)} is not what the error tables say: npm run errors -- --write`)
  process.exit(1)
}
