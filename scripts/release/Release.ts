// A release in two steps: each package is published under a tag that no plain `npm install` takes, the published set is
// installed and used as users would, and only then is it `latest`. The npm of the folder is configured for the registry.
import { execFile } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import { program as importAll } from "../api/packed.ts"
import { assertive } from "../doc-examples.ts"
import { findFirstExample } from "../FirstExample.ts"
import type { Packed } from "../Packed.ts"

/** The tag of what is not verified yet. */
const tag = "next"

export type Released = Pick<Packed, "name" | "version">

const npm = (folder: string, ...parameters: ReadonlyArray<string>) =>
  promisify(execFile)("npm", [...parameters], { cwd: folder })

export interface Target {
  readonly folder: string
  readonly registry: string
}

interface Entry {
  readonly "dist-tags"?: Readonly<Record<string, string>>
  readonly versions?: Readonly<Record<string, unknown>>
}

/** What the registry has of a package; nothing, before its first version. */
const readEntry = async ({ registry }: Target, name: string): Promise<Entry> => {
  const response = await fetch(`${registry}/${encodeURIComponent(name)}`, { headers: { "cache-control": "no-cache" } })
  if (response.status === 404) return {}
  if (!response.ok) throw new Error(`${registry} responds with ${response.status} about ${name}`)
  return await response.json()
}

const isPublished = async (target: Target, { name, version }: Released): Promise<boolean> =>
  version in ((await readEntry(target, name)).versions ?? {})

/** Publishes what the registry does not have; one that has failed in the middle can be run again. */
export const publish = async (
  target: Target,
  packages: ReadonlyArray<Packed>,
  options: ReadonlyArray<string> = []
): Promise<ReadonlyArray<Released>> => {
  const published: Array<Released> = []
  for (const packed of packages) {
    if (await isPublished(target, packed)) continue
    await npm(target.folder, "publish", packed.tarball, "--tag", tag, "--access", "public", ...options)
    published.push(packed)
  }
  return published
}

/** Waits until the registry shows a version to everyone, five minutes at most. */
const awaitVersion = async (target: Target, released: Released): Promise<void> => {
  for (let attempt = 0; attempt < 30; attempt++) {
    if (await isPublished(target, released)) return
    await sleep(10_000)
  }
  throw new Error(`${released.name}@${released.version} is not in the registry; publish it first`)
}

/** Installs the published set, tries every import that it must allow or refuse, and runs the README's first example. */
export const verify = async (
  target: Target,
  packages: ReadonlyArray<Released>,
  peers: ReadonlyArray<string>
): Promise<void> => {
  const { folder } = target
  for (const released of packages) await awaitVersion(target, released)
  const versions = packages.map(({ name, version }) => `${name}@${version}`)
  await npm(folder, "install", "--no-audit", "--no-fund", "--prefer-online", ...versions, ...peers)
  const names = packages.map(({ name }) => name)
  writeFileSync(join(folder, "imports.mjs"), importAll(folder, names))
  writeFileSync(join(folder, "example.ts"), assertive(findFirstExample()))
  for (const file of ["imports.mjs", "example.ts"]) await promisify(execFile)("node", [file], { cwd: folder })
}

/** Makes the versions those that a plain `npm install` takes. */
export const promote = async ({ folder }: Target, packages: ReadonlyArray<Released>): Promise<void> => {
  for (const { name, version } of packages) await npm(folder, "dist-tag", "add", `${name}@${version}`, "latest")
}

/** Those of the packages whose version is `latest`. */
export const listLatest = async (
  target: Target,
  packages: ReadonlyArray<Released>
): Promise<ReadonlyArray<Released>> => {
  const entries = await Promise.all(packages.map(({ name }) => readEntry(target, name)))
  return packages.filter(({ version }, index) => entries[index]?.["dist-tags"]?.latest === version)
}
