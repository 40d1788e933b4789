// What the packages make public: the `exports` map of each package.json, as modules with a name and a source file.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

export interface PublicModule {
  /** As a program imports it: `@effect-ciba/core/Poll`. */
  readonly name: string
  /** The key in `exports` without `./`: `Poll`. */
  readonly subpath: string
  /** Relative to the root of the repository: `packages/core/src/wait/Poll.ts`. */
  readonly source: string
}

export interface PublicPackage {
  /** `core` */
  readonly folder: string
  /** `@effect-ciba/core` */
  readonly name: string
  /** The map that the workspace resolves. */
  readonly exports: Readonly<Record<string, unknown>>
  /** The map that the packed package has. */
  readonly published: Readonly<Record<string, unknown>>
  /** Sorted. */
  readonly modules: ReadonlyArray<PublicModule>
  /** The peers that a program may lack. */
  readonly optionalPeers: ReadonlyArray<string>
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const record = (value: unknown): Readonly<Record<string, unknown>> => (isRecord(value) ? value : {})

export const isWildcard = (key: string): boolean => key.includes("*")

/** The modules that a map lists by name, as `[subpath, target]`. */
export const listSubpaths = (exports: Readonly<Record<string, unknown>>): ReadonlyArray<readonly [string, unknown]> =>
  Object.entries(exports)
    .filter(([key, target]) => key !== "." && key !== "./package.json" && !isWildcard(key) && target !== null)
    .map(([key, target]): readonly [string, unknown] => [key.replace(/^\.\//, ""), target])

/** The peers that the manifest of a package marks as optional. */
export const listOptionalPeers = ({ peerDependenciesMeta }: Readonly<Record<string, unknown>>): ReadonlyArray<string> =>
  Object.entries(record(peerDependenciesMeta)).flatMap(([name, meta]) => (record(meta).optional === true ? [name] : []))

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const read = (root: string, folder: string): PublicPackage => {
  const manifest = record(JSON.parse(readFileSync(join(root, "packages", folder, "package.json"), "utf8")))
  const name = String(manifest.name)
  const exports = record(manifest.exports)
  const modules = listSubpaths(exports)
    .filter((entry): entry is readonly [string, string] => typeof entry[1] === "string")
    .map(([subpath, target]) => ({
      name: `${name}/${subpath}`,
      subpath,
      source: `packages/${folder}/${target.replace(/^\.\//, "")}`
    }))
    .sort((a, b) => compare(a.subpath, b.subpath))
  const published = record(record(manifest.publishConfig).exports)
  return { folder, name, exports, published, modules, optionalPeers: listOptionalPeers(manifest) }
}

export const packages = (root: string): ReadonlyArray<PublicPackage> =>
  readdirSync(join(root, "packages"))
    .filter((folder) => existsSync(join(root, "packages", folder, "package.json")))
    .sort()
    .map((folder) => read(root, folder))
