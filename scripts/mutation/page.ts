// The page docs/mutation.md: what the last run of each folder has shown.
import { readdirSync } from "node:fs"
import { join } from "node:path"

/** The least share of mutants, in percent, that the tests of each folder have to kill. */
export const leastScore = 85

/** The folders of core. */
export const folders: ReadonlyArray<string> = readdirSync(join(import.meta.dirname, "../../packages/core/src"), {
  withFileTypes: true
})
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .toSorted()

/** The last run of a folder; `commit` has the sources and tests that were run. */
export interface Result {
  readonly killed: number
  readonly equivalent: number
  readonly survived: number
  readonly minutes: number
  readonly commit: string
}

export const scoreOf = ({ killed, survived }: Pick<Result, "killed" | "survived">): number =>
  (100 * killed) / (killed + survived)

const introduction = `# Mutation testing

\`npm run mutation\` breaks the sources of core in one place at a time (a mutant), and runs the tests that cover the place: one of them has to fail. A folder holds when at least ${leastScore} % of its mutants are killed; \`npm run mutation -- --write\` writes this page, and with \`--folder wait\` the row of that folder. [Decision 35](decisions/0035-mutants-in-a-copy.md) says how it works.

- A mutant counts as killed only if a test of its own folder kills it, or one that \`scripts/mutation/subset.ts\` names for the folder. The others, most of which run through the whole client, are not asked.
- Equivalent are those that no test can tell from the original; \`scripts/mutation/equivalents.ts\` lists them with the reason. They are no part of the score.
- What runs once, when a module is loaded (schemas, tables of texts), is not broken; nor are \`Ciba.ts\`, \`CibaFlow.ts\` and \`CibaError.ts\`, which join the folders and lie in none.
- The row \`fast\` has the files of \`scripts/mutation/subset.ts\`, with nothing but the tests that are named after them. CI runs them as \`npm run mutation -- --fast\`, and none may survive: all of \`wait/Wait.ts\`, which decides when to poll and what an answer means, is among them.`

const line = (cells: ReadonlyArray<string | number>): string => `| ${cells.join(" | ")} |`

const row = (folder: string, result: Result | undefined): string => {
  if (result === undefined) return line([folder, ...Array<string>(6).fill("–"), "not run"])
  const { commit, equivalent, killed, minutes, survived } = result
  const score = `${scoreOf(result).toFixed(1)} %`
  return line([folder, killed + equivalent + survived, killed, equivalent, survived, score, minutes, commit])
}

/** The page as Markdown. */
export const mutationPage = (results: Readonly<Record<string, Result>>): string => {
  const head = ["folder", "mutants", "killed", "equivalent", "survived", "score", "minutes", "commit"]
  const rows = [...folders, "fast"].map((name) => row(name, results[name]))
  return `${introduction}\n\n${[line(head), line(head.map(() => "---")), ...rows].join("\n")}\n`
}
