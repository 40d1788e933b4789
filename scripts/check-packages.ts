// Packs every package as it would be published, inspects the tarballs, and tries every import that they must allow or refuse.
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { findMissing } from "./api/contents.ts"
import { listOptionalPeers } from "./api/PublicModules.ts"
import { program } from "./api/packed.ts"
import { pack } from "./Packed.ts"

const root = resolve(import.meta.dirname, "..")

const sh = (cwd: string, command: string, ...args: ReadonlyArray<string>): void => {
  console.log(`$ ${[command, ...args].join(" ")}`)
  const { error, status } = spawnSync(command, args, { cwd, stdio: ["ignore", "inherit", "inherit"] })
  if (status !== 0) throw new Error(`${command} failed (${error?.message ?? `exit code ${status}`})`)
}

const folder = mkdtempSync(join(tmpdir(), "effect-ciba-"))
try {
  const packages = pack(folder)
  const names = packages.map(({ name }) => name)
  const tarballs = packages.map(({ tarball }) => tarball)
  for (const tarball of tarballs) {
    sh(root, "publint", "run", "--strict", tarball)
    sh(root, "attw", tarball, "--profile", "esm-only", "--format", "ascii", "--no-emoji")
  }
  const { version } = JSON.parse(readFileSync(join(root, "node_modules/effect/package.json"), "utf8"))
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
  sh(folder, "npm", "install", "--no-audit", "--no-fund", ...tarballs, `effect@${version}`)
  const missing = names.flatMap((name) => findMissing(join(folder, "node_modules", name)))
  if (missing.length > 0) throw new Error(missing.join("\n"))
  const tryImports = (): void => {
    writeFileSync(join(folder, "imports.mjs"), program(folder, names))
    sh(folder, "node", "imports.mjs")
  }
  tryImports()
  const peers = packages.flatMap(({ manifest }) => listOptionalPeers(manifest))
  sh(folder, "npm", "install", "--no-audit", "--no-fund", ...peers)
  tryImports()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true })
}
