// What a program with this library weighs, and how long it takes to begin: e2e/runtimes/footprint.json, which docs/runtimes.md shows.
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { gzipSync } from "node:zlib"
import { binaryOf, runtimes } from "../e2e/runtimes/Runtime.ts"
import { begins, bundle, hasAll, isPinged, onlyEffect, polls, signs } from "./Bundle.ts"
import type { Part } from "./Parts.ts"

/** In kilobytes, as one minified file. */
interface Size {
  readonly name: string
  readonly minified: number
  readonly compressed: number
}

/** In milliseconds, of a process: until an empty program has ended, and one that has made its client. */
interface Start {
  readonly runtime: string
  readonly empty: number
  readonly client: number
}

export interface Footprint {
  readonly sizes: ReadonlyArray<Size>
  readonly parts: ReadonlyArray<Part>
  readonly starts: ReadonlyArray<Start>
}

const path = resolve(import.meta.dirname, "../e2e/runtimes/footprint.json")

export const read = (): Footprint => JSON.parse(readFileSync(path, "utf8"))

export const write = (footprint: Footprint): void => writeFileSync(path, `${JSON.stringify(footprint, null, 2)}\n`)

const programs: Readonly<Record<string, string>> = {
  "has Effect alone, with its HTTP client and a schema": onlyEffect,
  "polls, with a client secret": polls,
  "polls, with `private_key_jwt` and DPoP": signs,
  "is pinged, with a client secret": isPinged,
  "has DPoP, mutual TLS, encryption, ping, push, storage and profiles": hasAll
}

const kilobytes = (bytes: number): number => Math.round(bytes / 1024)

export const measureSizes = (): Promise<ReadonlyArray<Size>> =>
  Promise.all(
    Object.entries(programs).map(async ([name, code], index) => {
      const text = await bundle(`program-${index}`, code, true)
      return { name, minified: kilobytes(Buffer.byteLength(text)), compressed: kilobytes(gzipSync(text).length) }
    })
  )

/** How far a size may be from the one that is shown. */
const tolerance = 0.03

/** The sizes that are not those of the file. */
export const compare = (sizes: ReadonlyArray<Size>, parts: ReadonlyArray<Part>): ReadonlyArray<string> => {
  const shown = read()
  const compressed = new Map(shown.sizes.map((size) => [size.name, size.compressed]))
  const minified = new Map(shown.parts.map((part) => [part.name, part.minified]))
  const update = "npm run bundle -- --write, npm test -- docs/runtimes.test.ts -u"
  return [
    ...sizes.flatMap(({ name, compressed: size }) => {
      const before = compressed.get(name) ?? 0
      const isClose = Math.abs(size - before) <= before * tolerance
      return isClose ? [] : [`${name}: ${size} kB compressed, and not ${before}: ${update}`]
    }),
    ...parts.flatMap(({ name, minified: size }) => {
      const before = minified.get(name) ?? 0
      return Math.abs(size - before) <= 2 ? [] : [`${name}: ${size} kB minified, and not ${before}: ${update}`]
    })
  ]
}

/** The least of several runs: what else the machine does can only add to it. */
const timeOf = (binary: string, file: string): number => {
  const times = Array.from({ length: 15 }, () => {
    const began = performance.now()
    const { status } = spawnSync(binary, [file])
    if (status !== 0) throw new Error(`${binary} ends with ${status}`)
    return performance.now() - began
  })
  return Math.round(Math.min(...times))
}

/** The starts on each runtime that has processes. */
export const measureStarts = async (): Promise<ReadonlyArray<Start>> => {
  const folder = mkdtempSync(join(tmpdir(), "footprint-"))
  try {
    const [empty, client] = [join(folder, "empty.mjs"), join(folder, "client.mjs")]
    writeFileSync(empty, "")
    writeFileSync(client, await bundle("begins", begins, true))
    return runtimes
      .filter(({ name }) => name !== "workerd")
      .map((runtime) => {
        const binary = binaryOf(runtime)
        return { runtime: runtime.name, empty: timeOf(binary, empty), client: timeOf(binary, client) }
      })
  } finally {
    rmSync(folder, { recursive: true })
  }
}
