// Runs every examples/*.ts; each must end by itself with exit code 0.
import { spawnSync } from "node:child_process"
import { join, resolve } from "node:path"
import { list } from "./source.ts"

const root = resolve(import.meta.dirname, "..")
const examples = list(root, "examples", /^examples\/[^/]+\.ts$/)

const failed = examples.filter((path) => {
  const { error, signal, status, stderr, stdout } = spawnSync(process.execPath, [join(root, path)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000
  })
  if (status === 0) {
    console.log(`${path}: passed`)
    return false
  }
  console.log(`${path}: failed (${error?.message ?? signal ?? `exit code ${status}`})\n${stdout}${stderr}`)
  return true
})

console.log(`examples: ${examples.length - failed.length} of ${examples.length} passed`)
process.exitCode = failed.length === 0 && examples.length > 0 ? 0 : 1
