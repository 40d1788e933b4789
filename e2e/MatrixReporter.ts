// Prints which cells of the end-to-end matrix have run. After a run of all files, a cell that has not run is a failure.
import { readdirSync } from "node:fs"
import type { Reporter, TestCase, TestModule } from "vitest/node"
import { rows } from "./Matrix.ts"

const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".test.ts"))

export default class MatrixReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const own = modules.filter(({ project }) => project.name === "e2e")
    const tests = own.flatMap((module) => [...module.children.allTests()])
    if (tests.length === 0) return
    const marked = rows.map(({ name, titles }) => ({ name, marks: titles.map((title) => mark(tests, title)) }))
    const lines = marked.map(({ marks, name }) => `${marks.join(" ").padEnd(6)} ${name}`)
    console.log(["", "End to end against oidc-provider (+ passed, ! failed, . not run):", ...lines, ""].join("\n"))
    if (own.length === files.length && marked.some(({ marks }) => marks.includes("."))) {
      console.error("A cell of the end-to-end matrix has not run: correct e2e/Matrix.ts, or the test that it names")
      process.exitCode = 1
    }
  }
}

const mark = (tests: ReadonlyArray<TestCase>, title: string): "+" | "!" | "." => {
  const states = tests.filter(({ fullName }) => `> ${fullName}`.includes(title)).map((test) => test.result().state)
  if (states.includes("failed")) return "!"
  return states.includes("passed") ? "+" : "."
}
