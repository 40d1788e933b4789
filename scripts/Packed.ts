// Builds the packages and packs each of them as it would be published.
import { execFileSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { join, resolve } from "node:path"

export interface Packed {
  readonly name: string
  readonly version: string
  /** The package.json inside the tarball. */
  readonly manifest: Readonly<Record<string, unknown>>
  readonly tarball: string
}

const root = resolve(import.meta.dirname, "..")
const packages = join(root, "packages")

export const pack = (destination: string): ReadonlyArray<Packed> => {
  execFileSync("node", [join(root, "scripts/build.ts")], { stdio: "inherit" })
  const names = readdirSync(packages).sort()
  return names.map((name) => {
    const pnpm = join(root, "scripts/pnpm/node_modules/.bin/pnpm")
    const options = { cwd: join(packages, name), encoding: "utf8" } as const
    const { filename: tarball } = JSON.parse(
      execFileSync(pnpm, ["pack", "--json", "--pack-destination", destination], options)
    )
    const manifest = JSON.parse(execFileSync("tar", ["-xzOf", tarball, "package/package.json"], options))
    return { name: manifest.name, version: manifest.version, manifest, tarball }
  })
}
