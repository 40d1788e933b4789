// Lets the tests of a workspace judge its mutants.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { read, type Verdict } from "./Journal.ts"

/** Whether the test that was begun last has kept the process from going on for longer than it may. */
const isHung = (journal: string): boolean => {
  const limit = / tried (\d+)\n$/.exec(readFileSync(journal, "utf8"))?.[1]
  return limit !== undefined && Date.now() - statSync(journal).mtimeMs > Number(limit)
}

/** Ends as vitest does, or with its end if a mutant hangs in a loop. */
const runTests = async (workspace: string, tests: ReadonlyArray<string>, journal: string): Promise<number | null> => {
  const child = spawn(join(workspace, "node_modules/.bin/vitest"), ["run", "--config", "vitest.mutation.ts"], {
    cwd: workspace,
    detached: true,
    env: {
      ...process.env,
      MUTATION_JOURNAL: journal,
      MUTATION_FILES: String(tests.length),
      MUTATION_TESTS: tests.join(",")
    },
    stdio: ["ignore", "inherit", "inherit"]
  })
  const end = () => child.pid !== undefined && process.kill(-child.pid, "SIGKILL")
  const stop = () => {
    end()
    process.exit(1)
  }
  const watch = setInterval(() => {
    if (isHung(journal)) end()
  }, 1000)
  process.once("SIGINT", stop).once("SIGTERM", stop)
  const [code] = await once(child, "exit")
  clearInterval(watch)
  process.off("SIGINT", stop).off("SIGTERM", stop)
  return code
}

/** What has become of the mutants that a test reaches. The process begins anew after one that has ended it. */
export const judge = async (workspace: string, tests: ReadonlyArray<string>): Promise<ReadonlyMap<string, Verdict>> => {
  const journal = join(workspace, "verdicts")
  writeFileSync(journal, "")
  for (;;) {
    const known = read(journal).size
    const code = await runTests(workspace, tests, journal)
    const verdicts = read(journal)
    if (code === 0) return verdicts
    if (verdicts.size === known) throw new Error("The tests fail without a mutant")
    for (const [id, verdict] of verdicts) {
      if (verdict === "tried") appendFileSync(journal, `${id} killed\n`)
    }
  }
}
