// Breaks the sources of core in one place at a time: a test has to fail for each. Without arguments it looks at all folders, which takes
// hours; `-- --folder wait` looks at one, `-- --file wait/Wait` at one file, and `-- --fast` at the files of `mutation/subset.ts`, each of
// whose mutants has to be killed. `--write` writes what a folder has shown to docs/mutation.md.
import { execFileSync } from "node:child_process"
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { equivalents } from "./mutation/equivalents.ts"
import { instrument, type Mutant } from "./mutation/instrument.ts"
import { judge } from "./mutation/judge.ts"
import { folders, leastScore, mutationPage, type Result, scoreOf } from "./mutation/page.ts"
import { files, further } from "./mutation/subset.ts"
import * as Workspace from "./mutation/Workspace.ts"

const root = join(import.meta.dirname, "..")
const sources = "packages/core/src"
const tests = "packages/core/test"
const page = join(root, "docs/mutation.md")
const results = join(import.meta.dirname, "mutation/results.json")

const { values } = parseArgs({
  options: {
    fast: { type: "boolean", default: false },
    folder: { type: "string", multiple: true },
    file: { type: "string", multiple: true },
    write: { type: "boolean", default: false }
  }
})

const isEquivalent = ({ file, original, replacement }: Mutant): boolean =>
  equivalents.some(
    (known) =>
      file === `${sources}/${known.file}` && known.original === original && known.replacements.includes(replacement)
  )

const shorten = (text: string): string => text.replaceAll(/\s+/g, " ").slice(0, 120)

const describe = ({ file, line, mutator, original, replacement }: Mutant): string =>
  `${file}:${line} ${mutator}\n  ${shorten(original)}\n  → ${shorten(replacement)}`

/** These count what a wait costs, explore all that can happen to it, or change each character of a token. */
const slow = ["**/*Cost.test.ts", "**/WaitModel.test.ts", "**/IdTokenVerifierMutation.test.ts"]

/** The files and tests of a run, as globs. */
interface Run {
  readonly name: string
  readonly files: string
  readonly tests: ReadonlyArray<string>
  readonly leastScore: number
}

const ofFolder = (name: string): Run => ({
  name,
  files: `${sources}/${name}/**/*.ts`,
  tests: [`${tests}/${name}/**/*.test.ts`, ...(further[name] ?? []).map((test) => `${tests}/${test}.test.ts`)],
  leastScore
})

const ofFile = (name: string): Run => ({
  ...ofFolder(name.split("/")[0] ?? ""),
  name,
  files: `${sources}/${name}.ts`
})

const fast: Run = {
  name: "fast",
  files: `${sources}/{${files.join(",")}}.ts`,
  tests: files.map((file) => `${tests}/${file}*.test.ts`),
  leastScore: 100
}

const runs = values.fast
  ? [fast]
  : [...(values.folder ?? (values.file ? [] : folders)).map(ofFolder), ...(values.file ?? []).map(ofFile)]

const runGit = (...parameters: ReadonlyArray<string>): string =>
  execFileSync("git", parameters, { cwd: root, encoding: "utf8" }).trim()

const hasChanges = runGit("status", "--porcelain", "packages/core") !== ""
const commit = `${runGit("rev-parse", "--short", "HEAD")}${hasChanges ? ", changed" : ""}`

const survivors: Array<Mutant> = []
const shown: Record<string, Result> = JSON.parse(readFileSync(results, "utf8"))
let isTooLow = false
for (const run of runs) {
  const started = Date.now()
  const workspace = Workspace.copy()
  const mutants = await instrument(workspace, globSync(run.files, { cwd: root }))
  const verdicts = await judge(workspace, globSync(run.tests, { cwd: root, exclude: slow }))
  const isKilled = ({ id }: Mutant): boolean => verdicts.get(id) === "killed"
  const alive = mutants.filter((mutant) => !isKilled(mutant) && verdicts.get(mutant.id) !== "loaded")
  const survived = alive.filter((mutant) => !isEquivalent(mutant))
  const result: Result = {
    killed: mutants.filter(isKilled).length,
    equivalent: alive.length - survived.length,
    survived: survived.length,
    minutes: Math.ceil((Date.now() - started) / 60_000),
    commit
  }
  survivors.push(...survived)
  isTooLow ||= !(scoreOf(result) >= run.leastScore)
  if (values.file === undefined) shown[run.name] = result
  const counts = `${result.killed} killed, ${result.equivalent} equivalent, ${result.survived} survived`
  console.log(`${run.name}: ${counts}, ${scoreOf(result).toFixed(1)} %`)
}
Workspace.remove()

if (values.write) {
  writeFileSync(results, `${JSON.stringify(shown, undefined, 2)}\n`)
  writeFileSync(page, mutationPage(shown))
}
mkdirSync(join(root, ".cache"), { recursive: true })
writeFileSync(join(root, ".cache", "mutation.json"), JSON.stringify(survivors, undefined, 2))
console.log(survivors.map(describe).join("\n"))
console.log(`mutation: ${survivors.length} survivors`)
process.exitCode = isTooLow ? 1 : 0
