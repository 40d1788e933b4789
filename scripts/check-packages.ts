// Packs every package as it would be published, inspects the tarballs, runs the README's example from them, and tries
// every import that they must allow or refuse.
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { program } from "./api/packed.ts"
import { assertive, type Example, extract } from "./doc-examples.ts"

const root = resolve(import.meta.dirname, "..")
const marker = "<!-- packed-example -->"

const manifest = (folder: string) => JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"))

const sh = (cwd: string, command: string, ...args: ReadonlyArray<string>): void => {
  console.log(`$ ${[command, ...args].join(" ")}`)
  const { error, status } = spawnSync(command, args, { cwd, stdio: ["ignore", "inherit", "inherit"] })
  if (status !== 0) throw new Error(`${command} failed (${error?.message ?? `exit code ${status}`})`)
}

const packedExample = (): Example => {
  const file = join(root, "README.md")
  const text = existsSync(file) ? readFileSync(file, "utf8") : ""
  const line = text.split("\n").indexOf(marker) + 1
  const example = extract("README.md", text).find((example) => line > 0 && example.line > line)
  if (example === undefined) throw new Error(`README.md has no ts fence after ${marker}`)
  if (assertive(example) === example.code) throw new Error(`README.md:${example.line}: the example asserts nothing`)
  return example
}

const pack = (name: string, destination: string): string => {
  const folder = join("packages", name)
  const { name: scoped, version } = manifest(folder)
  const pnpm = join(root, "scripts", "pnpm", "node_modules", ".bin", "pnpm")
  sh(join(root, folder), pnpm, "pack", "--pack-destination", destination)
  return join(destination, `${scoped.replace("@", "").replace("/", "-")}-${version}.tgz`)
}

const inspect = (tarball: string): void => {
  sh(root, "publint", "run", "--strict", tarball)
  sh(root, "attw", tarball, "--profile", "esm-only", "--format", "ascii", "--no-emoji")
}

const tryOut = (folder: string, tarballs: ReadonlyArray<string>, names: ReadonlyArray<string>): void => {
  const peers = ["effect", "@effect/platform-node"].map((name) => {
    const { version } = manifest(join("node_modules", name))
    return `${name}@${version}`
  })
  const compilerOptions = { module: "nodenext", noEmit: true, skipLibCheck: true, strict: true, types: [] }
  const example = packedExample()
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["example.ts"] }))
  writeFileSync(join(folder, "example.ts"), example.code)
  sh(folder, "npm", "install", "--no-audit", "--no-fund", ...tarballs, ...peers)
  sh(folder, "tsc")
  writeFileSync(join(folder, "example.ts"), assertive(example))
  sh(folder, "node", "example.ts")
  writeFileSync(join(folder, "imports.mjs"), program(folder, names))
  sh(folder, "node", "imports.mjs")
}

const folder = mkdtempSync(join(tmpdir(), "effect-ciba-"))
try {
  const names = readdirSync(join(root, "packages")).sort()
  for (const name of names) rmSync(join(root, "packages", name, "dist"), { force: true, recursive: true })
  sh(root, "tsc", "-b", ...names.map((name) => join("packages", name)))
  const tarballs = names.map((name) => pack(name, folder))
  for (const tarball of tarballs) inspect(tarball)
  const scoped = names.map((name) => manifest(join("packages", name)).name)
  tryOut(folder, tarballs, scoped)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true })
}
