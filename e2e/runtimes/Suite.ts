// The end-to-end tests that every runtime runs, and how a runtime runs one of them.
import { Effect, Exit } from "effect"
import type { Case, Host } from "./Case.ts"
import { concurrentCase, flowCases } from "./FlowCases.ts"
import { misbehavingCases } from "./MisbehavingCases.ts"

export const cases: ReadonlyArray<Case> = [...flowCases, ...misbehavingCases, concurrentCase]

/** The line that a runtime writes for each test; `failure` is absent if the test has passed. */
export interface Report {
  readonly title: string
  readonly failure?: string
}

export const run = async ({ run, title }: Case, host: Host): Promise<Report> => {
  const exit = await Effect.runPromiseExit(Effect.timeout(run(host), "20 seconds"))
  return Exit.isSuccess(exit) ? { title } : { title, failure: String(exit.cause) }
}

export const runTitle = (title: string, host: Host): Promise<string | undefined> => {
  const found = cases.find((each) => each.title === title)
  return found === undefined
    ? Promise.resolve("there is no such test")
    : run(found, host).then(({ failure }) => failure)
}
