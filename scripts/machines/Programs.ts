// The programs of a run's processes, each with all that it imports in one file, as applications are deployed. A start from the sources takes
// three times the processor time, and takes it from the other machines of the run, with which it shares the processors.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { rolldown } from "rolldown"

const names = ["initiator", "provider", "worker"] as const

export type Name = (typeof names)[number]

/** The files of the programs, until the scope is closed. */
export const build: Effect.Effect<Readonly<Record<Name, string>>, never, Scope.Scope> = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "programs-"))),
    // A process that is being killed may still write its compiled code there.
    (path) => Effect.sync(() => rmSync(path, { recursive: true, maxRetries: 5 }))
  )
  const fileOf = (name: Name) => join(folder, `${name}.mjs`)
  yield* Effect.forEach(names, (name) => Effect.promise(() => bundle(name, fileOf(name))), { concurrency: "unbounded" })
  return { initiator: fileOf("initiator"), provider: fileOf("provider"), worker: fileOf("worker") }
})

const bundle = async (name: Name, file: string): Promise<void> => {
  const bundled = await rolldown({
    input: join(import.meta.dirname, `${name}.ts`),
    platform: "node",
    // What a driver tries to load, and does without.
    external: ["pg-native", "bufferutil", "utf-8-validate"],
    logLevel: "silent"
  })
  await bundled.write({ file, format: "esm", codeSplitting: false })
}
