// Prints which cells of the end-to-end matrix have run: every title that has the text of a cell must have passed.
import type { Reporter, TestCase, TestModule } from "vitest/node"
import { cells } from "./Matrix.ts"

export default class MatrixReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const own = modules.filter(({ project }) => project.name === "e2e")
    if (own.length === 0) return
    const tests = own.flatMap((module) => [...module.children.allTests()])
    const lines = cells.map(({ name, titles }) => [...titles.map((title) => mark(tests, title)), name].join("  "))
    console.log(["", "end to end against oidc-provider (+ passed, ! failed, · not run):", ...lines, ""].join("\n"))
  }
}

const mark = (tests: ReadonlyArray<TestCase>, title: string): string => {
  const states = tests.filter(({ fullName }) => fullName.includes(title)).map((test) => test.result().state)
  if (states.includes("failed")) return "!"
  return states.includes("passed") ? "+" : "·"
}
