import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { onTestFinished } from "vitest"

/** A folder with the given files that lives as long as the test, inside the workspace so that packages resolve. */
export const plant = (files: Record<string, string>): string => {
  const cache = resolve(import.meta.dirname, "../../.cache")
  mkdirSync(cache, { recursive: true })
  const root = mkdtempSync(join(cache, "planted-"))
  onTestFinished(() => rmSync(root, { recursive: true }))
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  return root
}
