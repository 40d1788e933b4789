// A repository with these files and no others.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { onTestFinished } from "vitest"

const manifest = {
  name: "@example/core",
  repository: { url: "git+https://git.example/house/core.git" },
  exports: { ".": "./src/index.ts", "./Wait": "./src/Wait.ts", "./Clock": "./src/Clock.ts" }
}

/** Its root, until the test ends. */
export const plant = (files: Readonly<Record<string, string>>): string => {
  const root = mkdtempSync(join(tmpdir(), "site-"))
  onTestFinished(() => rmSync(root, { recursive: true }))
  for (const [path, text] of Object.entries({ "packages/core/package.json": JSON.stringify(manifest), ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}
