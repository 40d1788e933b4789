// Runs all tests as they are, and after the last file each mutant with the tests that cover it, until one fails. One process does
// all of that, because to load the modules takes longer than most tests.
import { appendFileSync } from "node:fs"
import { performance } from "node:perf_hooks"
import { env } from "node:process"
import { setImmediate, setTimeout } from "node:timers/promises"
import { type RunnerTestCase, type RunnerTestFile, TestRunner } from "vitest"
import { read, type Verdict } from "./Journal.ts"

/** What the instrumented sources read and write. */
interface Instrumented {
  activeMutant?: string | undefined
  currentTestId?: string | undefined
  /** How often the mutant may be reached: a loop that it makes endless ends there. */
  hitLimit?: number
  hitCount?: number
  mutantCoverage?: {
    readonly static: Readonly<Record<string, number>>
    readonly perTest: Readonly<Record<string, Readonly<Record<string, number>>>>
  }
}

/** A test that has passed. */
interface Passed {
  readonly name: string
  /** Ends with the signal at the latest. */
  readonly run: (signal: AbortSignal) => Promise<unknown>
  /** How long it takes at best: the first of them makes keys that the others use, too. */
  milliseconds: number
  /** How often it reaches each mutant. */
  readonly hits: Readonly<Record<string, number>>
}

declare global {
  var __stryker__: Instrumented | undefined
  /** This module is loaded for each file, and knows by these what was before. */
  var passedTests: Array<Passed> | undefined
  var filesLeft: number | undefined
}

globalThis.__stryker__ ??= {}
globalThis.passedTests ??= []
globalThis.filesLeft ??= Number(env.MUTATION_FILES)
const instrumented = globalThis.__stryker__
const passed = globalThis.passedTests

const journal = env.MUTATION_JOURNAL ?? ""
const verdicts = new Map(read(journal))

const note = (id: string, verdict: Verdict, limit?: number): void => {
  verdicts.set(id, verdict)
  appendFileSync(journal, `${[id, verdict, limit?.toFixed(0)].join(" ").trimEnd()}\n`)
}

/** When nothing has happened for half a second and five times as long as the test takes, or too much for three seconds more. */
const untilHung = async (milliseconds: number, signal: AbortSignal): Promise<void> => {
  const limit = 5 + milliseconds / 20
  let quiet = 0
  for (let count = 0; count < limit + 30 && quiet < limit; count++) {
    const before = performance.eventLoopUtilization()
    await setTimeout(100, undefined, { signal })
    quiet = performance.eventLoopUtilization(before).utilization < 0.05 ? quiet + 1 : 0
  }
}

/** A test that hangs has failed, and is ended: what it waits for would come in the middle of others. */
const isPassed = async (test: Passed): Promise<boolean> => {
  const started = performance.now()
  const end = new AbortController()
  const result = test.run(end.signal).then(
    () => true,
    () => false
  )
  const hung = untilHung(test.milliseconds, end.signal).then(
    () => false,
    () => false
  )
  const hasPassed = await Promise.race([result, hung])
  end.abort()
  if (hasPassed) test.milliseconds = Math.min(test.milliseconds, performance.now() - started)
  return hasPassed
}

/** Whether the test passes with the mutant. If it does not without, either, it has shown nothing, and the process is of no more use. */
const survives = async (id: string, test: Passed): Promise<boolean> => {
  note(id, "tried", 5000 + 10 * test.milliseconds)
  Object.assign(instrumented, { activeMutant: id, hitCount: 0, hitLimit: 100 * (test.hits[id] ?? 0) })
  const hasSurvived = await isPassed(test)
  instrumented.activeMutant = undefined
  await setImmediate()
  if (hasSurvived || (await isPassed(test))) return hasSurvived
  note(id, "survived")
  throw new Error(`After mutant ${id} a test fails without one, too: ${test.name}`)
}

/** The test that fails with the mutant, if there is one. */
const findKiller = async (id: string, tests: ReadonlyArray<Passed>): Promise<Passed | undefined> => {
  for (const test of tests) {
    if (id in test.hits && !(await survives(id, test))) return test
  }
  return undefined
}

/** What has killed the mutant before comes first, then the quick tests. */
const judgeAll = async (): Promise<void> => {
  let tests = passed.toSorted((one, other) => one.milliseconds - other.milliseconds)
  const ids = new Set(tests.flatMap(({ hits }) => Object.keys(hits)))
  for (const id of Array.from(ids).toSorted((one, other) => Number(one) - Number(other))) {
    if (verdicts.has(id)) continue
    const killer = await findKiller(id, tests)
    note(id, killer === undefined ? "survived" : "killed")
    if (killer !== undefined) tests = [killer, ...tests.filter((test) => test !== killer)]
  }
  for (const id of Object.keys(instrumented.mutantCoverage?.static ?? {})) {
    if (!verdicts.has(id)) note(id, "loaded")
  }
}

export default class JudgingRunner extends TestRunner {
  async runTask(test: RunnerTestCase): Promise<void> {
    const run = async (signal: AbortSignal) => {
      Object.assign(test.context, { signal })
      await TestRunner.getTestFn(test)()
    }
    const started = performance.now()
    instrumented.currentTestId = test.id
    await run(test.context.signal)
    instrumented.currentTestId = undefined
    const milliseconds = performance.now() - started
    const hits = instrumented.mutantCoverage?.perTest[test.id] ?? {}
    passed.push({ name: `${test.file.name}, ${test.name}`, run, milliseconds, hits })
  }

  override async onAfterRunFiles(files: Array<RunnerTestFile>): Promise<void> {
    super.onAfterRunFiles(files)
    globalThis.filesLeft = (globalThis.filesLeft ?? 0) - files.length
    if (files.some(({ result }) => result?.state === "fail")) throw new Error("A test fails without a mutant")
    if (globalThis.filesLeft === 0) await judgeAll()
  }
}
