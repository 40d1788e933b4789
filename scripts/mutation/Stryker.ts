// One run of Stryker in a copy of the workspace.
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** A mutant, as the schema of mutation-testing-elements has it. */
export interface Mutant {
  readonly file: string
  readonly line: number
  readonly mutator: string
  readonly original: string
  readonly replacement: string
  readonly status: string
}

interface Position {
  readonly line: number
  readonly column: number
}

interface Report {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly source: string
        readonly mutants: ReadonlyArray<{
          readonly mutatorName: string
          readonly replacement?: string
          readonly status: string
          readonly location: { readonly start: Position; readonly end: Position }
        }>
      }
    >
  >
}

const textBetween = (source: string, start: Position, end: Position): string => {
  const lines = source.split("\n").slice(start.line - 1, end.line)
  const last = lines.length - 1
  return lines
    .map((line, index) => line.slice(index === 0 ? start.column - 1 : 0, index === last ? end.column - 1 : undefined))
    .join("\n")
}

/** Mutates the files, and lets the tests judge each mutant that they cover. Mutants of what runs once, when a module is loaded, are left out. */
export const run = (
  workspace: string,
  { files, tests }: { readonly files: ReadonlyArray<string>; readonly tests: ReadonlyArray<string> }
): ReadonlyArray<Mutant> => {
  const report = ".cache/mutants.json"
  const options = {
    mutate: files,
    testRunner: "vitest",
    vitest: { configFile: "vitest.mutation.ts", related: false },
    plugins: ["@stryker-mutator/vitest-runner"],
    inPlace: true,
    coverageAnalysis: "perTest",
    ignoreStatic: true,
    concurrency: 2,
    timeoutMS: 10_000,
    reporters: ["json"],
    jsonReporter: { fileName: report },
    checkers: [],
    allowConsoleColors: false,
    tempDirName: ".cache/stryker"
  }
  writeFileSync(join(workspace, "stryker.json"), JSON.stringify(options))
  const { status } = spawnSync(join(workspace, "node_modules", ".bin", "stryker"), ["run", "stryker.json"], {
    cwd: workspace,
    env: { ...process.env, MUTATION_TESTS: tests.join(",") },
    stdio: ["ignore", "inherit", "inherit"]
  })
  if (status !== 0) throw new Error(`Stryker ended with ${status}`)
  const { files: mutated }: Report = JSON.parse(readFileSync(join(workspace, report), "utf8"))
  return Object.entries(mutated).flatMap(([file, { mutants, source }]) =>
    mutants.map(({ location: { end, start }, mutatorName, replacement = "", status: outcome }) => ({
      file,
      line: start.line,
      mutator: mutatorName,
      original: textBetween(source, start, end),
      replacement,
      status: outcome
    }))
  )
}
