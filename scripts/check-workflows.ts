// Checks the workflows of GitHub with actionlint, whose version and content scripts/workflows pins.
import { readdirSync } from "node:fs"
import { join, resolve } from "node:path"
import { runGo } from "./servers/toolchains.ts"

const folder = resolve(import.meta.dirname, "../.github/workflows")
const files = readdirSync(folder).map((name) => join(folder, name))

try {
  const skipped = runGo(resolve(import.meta.dirname, "workflows"), "tool", "actionlint", "-no-color", ...files)
  console.log(skipped === undefined ? `workflows: ${files.length} without an error` : `SKIPPED: actionlint: ${skipped}`)
} catch {
  console.error("workflows: actionlint has failed, or found what is above")
  process.exitCode = 1
}
