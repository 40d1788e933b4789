import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { assert, it } from "@effect/vitest"
import { modules } from "../../e2e/conformance/Module.ts"
import type { Result } from "../../e2e/conformance/SuiteRun.ts"
import { variants } from "../../e2e/conformance/Variant.ts"
import { conformancePage, introduction, line, problem } from "../conformance/page.ts"

const [variant] = variants.filter(({ profile }) => profile === "openbanking_brazil")
if (variant === undefined) throw new Error("no variant for Brazil")

const result = (module: string, more: Partial<Result> = {}): Result => ({
  module,
  variant,
  result: "PASSED",
  findings: [],
  outcome: "approved",
  ...more
})

it("a module is passed only if the client, too, ends as it has to", () => {
  assert.isUndefined(problem(result("test")))
  assert.include(problem(result("invalid-iss-test")), "the client ends as approved, not IdTokenError: WrongIssuer")
  assert.include(problem(result("test", { outcome: "TypeError: x is not a function" })), "not approved")
  assert.include(problem(result("test", { result: "STALLED", findings: ["it waits"] })), "STALLED: it waits")
  assert.include(problem(result("test", { result: "WARNING", findings: ["WARNING: old TLS"] })), "old TLS")
})

it("a fault of the suite is none of the client's, unless another condition has failed as well", () => {
  const outcome = "TokenError: Unrecognized"
  const finding = "FAILURE: Error parsing ID Token"
  const fault = result("invalid-null-alg-test", { result: "FAILED", outcome, findings: [finding] })
  assert.isUndefined(problem(fault))
  assert.include(line(fault), "fault of the suite")
  assert.isDefined(problem({ ...fault, findings: [finding, "FAILURE: no certificate"] }))
  assert.isDefined(problem({ ...fault, findings: [] }))
})

it("the page counts what is passed, and shows what is not", () => {
  const page = conformancePage([result("test"), result("invalid-iss-test")], "1.0", "all modules in one process")
  assert.include(page, "version 1.0 of the suite, all modules in one process: 1 of 2 passed")
  assert.match(page, /^\| test \| approved \|.* passed \|/m)
  assert.match(page, /^\| invalid-iss-test \|.*\*\*failed\*\*/m)
})

it("docs/conformance.md has every module of the plan, and how to run them", () => {
  const page = readFileSync(join(resolve(import.meta.dirname, "../.."), "docs/conformance.md"), "utf8")
  for (const { name, outcome } of modules) assert.include(page, `| ${name} | ${outcome}`)
  assert.isTrue(page.startsWith(introduction))
  assert.notInclude(page, "not run")
})
