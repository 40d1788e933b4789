// Breaks the sources of core in one place at a time: a test has to fail for each. Without arguments it looks at all folders, which takes
// hours; `-- --folder wait` looks at one, and `-- --fast` at the files of `mutation/subset.ts`, each of whose mutants has to be killed.
import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { equivalents } from "./mutation/equivalents.ts"
import * as Stryker from "./mutation/Stryker.ts"
import { files } from "./mutation/subset.ts"
import * as Workspace from "./mutation/Workspace.ts"

/** The least share of mutants, in percent, that the tests of each folder have to kill. */
const leastScore = 85

const root = join(import.meta.dirname, "..")
const sources = "packages/core/src"
const tests = "packages/core/test"

const { values } = parseArgs({
  options: { fast: { type: "boolean", default: false }, folder: { type: "string", multiple: true } }
})

const isEquivalent = ({ file, original, replacement }: Stryker.Mutant): boolean =>
  equivalents.some(
    (known) =>
      file === `${sources}/${known.file}` && known.original === original && known.replacements.includes(replacement)
  )

const hasSurvived = (mutant: Stryker.Mutant): boolean =>
  (mutant.status === "Survived" || mutant.status === "NoCoverage") && !isEquivalent(mutant)

const isKilled = ({ status }: Stryker.Mutant): boolean => status === "Killed" || status === "Timeout"

const shorten = (text: string): string => text.replaceAll(/\s+/g, " ").slice(0, 120)

const describe = ({ file, line, mutator, original, replacement }: Stryker.Mutant): string =>
  `${file}:${line} ${mutator}\n  ${shorten(original)}\n  → ${shorten(replacement)}`

const folders = readdirSync(join(root, sources), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

const runs = values.fast
  ? [
      {
        name: "fast",
        files: files.map((file) => `${sources}/${file}.ts`),
        tests: files.map((file) => `${tests}/${file}.test.ts`)
      }
    ]
  : (values.folder ?? folders).map((name) => ({
      name,
      files: [`${sources}/${name}/**/*.ts`],
      tests: [`${tests}/**/*.test.ts`]
    }))

const workspace = Workspace.copy()
const survivors: Array<Stryker.Mutant> = []
let isTooLow = false
for (const { name, ...run } of runs) {
  const mutants = Stryker.run(workspace, run)
  const [killed, survived] = [mutants.filter(isKilled).length, mutants.filter(hasSurvived)]
  const score = (100 * killed) / (killed + survived.length)
  survivors.push(...survived)
  isTooLow ||= values.fast ? survived.length > 0 || killed === 0 : !(score >= leastScore)
  console.log(`${name}: ${killed} killed, ${survived.length} survived, ${score.toFixed(1)} %`)
}
Workspace.remove()

mkdirSync(join(root, ".cache"), { recursive: true })
writeFileSync(join(root, ".cache", "mutation.json"), JSON.stringify(survivors, undefined, 2))
console.log(survivors.map(describe).join("\n"))
console.log(`mutation: ${survivors.length} survivors`)
process.exitCode = isTooLow ? 1 : 0
