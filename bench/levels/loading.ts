// What a program that uses the package pays before it does anything: the time to import it, and the size of its bundle.
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { bundle, onlyEffect, polls } from "../../scripts/Bundle.ts"
import * as Modules from "../../scripts/Modules.ts"
import type { Figure } from "../Figure.ts"
import { compareSides, summarize } from "../Statistics.ts"

const rounds = 11
const root = new URL("../../", import.meta.url)

/** The modules of effect that the package imports. */
const effect = ["effect", "effect/http", "effect/crypto", "effect/encoding", "effect/persistence", "effect/Function"]

const importing = (modules: ReadonlyArray<string>) => modules.map((name) => `import ${JSON.stringify(name)}`).join("\n")

const timeOf = (script: string): number => {
  const began = performance.now()
  const { status } = spawnSync(process.execPath, [script])
  if (status !== 0) throw new Error(`${script} ended with ${status}`)
  return performance.now() - began
}

const measureImport = async (): Promise<Figure> => {
  await Modules.write()
  const folder = mkdtempSync(new URL("packages/core/.bench-", root).pathname)
  try {
    const [own, base] = [join(folder, "own.mjs"), join(folder, "effect.mjs")]
    writeFileSync(own, importing([new URL("packages/core/dist/index.js", root).pathname]))
    writeFileSync(base, importing(effect))
    const [owns, bases]: [Array<number>, Array<number>] = [[], []]
    for (let round = 0; round < rounds; round++) {
      bases.push(timeOf(base))
      owns.push(timeOf(own))
    }
    const value = compareSides(owns, bases)
    return { name: "import over that of effect", unit: "ms", own: summarize(owns), value }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const measureBundle = async (): Promise<Figure> => {
  const [own, base] = await Promise.all([bundle("polls", polls, true), bundle("effect", onlyEffect, true)])
  const size = (gzipSync(own).length - gzipSync(base).length) / 1024
  return {
    name: "poll-only bundle beyond effect, kB",
    unit: "kB gzipped",
    own: summarize([size]),
    value: summarize([size])
  }
}

export const measure = async (): Promise<ReadonlyArray<Figure>> => [await measureImport(), await measureBundle()]
