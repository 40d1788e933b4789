// The page docs/conformance.md, from a run with the conformance suite.
import { applies, type Module, modules, plan, prefix } from "../../e2e/conformance/Module.ts"
import * as SuiteFaults from "../../e2e/conformance/SuiteFaults.ts"
import type { Result } from "../../e2e/conformance/SuiteRun.ts"
import { nameOf, type Variant, variants } from "../../e2e/conformance/Variant.ts"

const moduleOf = ({ module }: Result): Module | undefined => modules.find(({ name }) => name === module)

const faultOf = ({ findings, module, variant }: Result) => SuiteFaults.find(module, variant, findings)

/** What is wrong with a result; `undefined` if the module is passed, or fails by a fault of the suite. */
export const problem = (result: Result): string | undefined => {
  if (faultOf(result) !== undefined) return undefined
  const module = moduleOf(result)
  const expected = module?.outcomeAtSuite ?? module?.outcome
  const findings = result.findings.length === 0 ? [] : [result.findings.join("; ")]
  const mismatch = result.outcome === expected ? [] : [`the client ends as ${result.outcome}, not ${expected}`]
  const verdict = result.result === "PASSED" ? [] : [result.result]
  return mismatch.length + verdict.length === 0 ? undefined : [...verdict, ...mismatch, ...findings].join(": ")
}

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

const cell = (module: Module, variant: Variant, results: ReadonlyArray<Result>): string => {
  if (!applies(module, variant)) return "–"
  const result = results.find((result) => result.module === module.name && nameOf(result.variant) === nameOf(variant))
  if (result === undefined) return "not run"
  if (problem(result) !== undefined) return `**failed**`
  return faultOf(result) === undefined ? "passed" : "suite"
}

const heads: Readonly<Record<Variant["profile"], string>> = {
  plain_fapi: "FAPI",
  openbanking_uk: "UK",
  openbanking_brazil: "Brazil",
  connectid_au: "ConnectID"
}

const head = ({ authentication, delivery, profile }: Variant): string =>
  `${heads[profile]}, ${authentication === "mtls" ? "mtls" : "jwt"}, ${delivery}`

const introduction = `# Conformance

The relying-party plan \`${plan}\` of OpenID's conformance suite: ${modules.length} modules in ${variants.length} variants. What the client is, the [examples](../examples) for FAPI-CIBA, Open Banking UK, Open Finance Brasil and ConnectID are.

- \`npm run conformance -- --suite https://localhost:8443 --write\` drives the examples through a suite that you run, and writes this page. \`--ca FILE\` names its certificate authority, \`--host\` and \`--port\` say where it reaches the notification endpoint, \`--fresh\` takes a process for each module, and names of modules or variants run those alone. A suite that asks for a token has it from \`CONFORMANCE_TOKEN\`.
- \`npm test -- e2e/conformance\` needs no suite: the same modules, of our own making, over TLS on loopback, in one process. In each, the example has to pass and to end as the table says; so has a second client that reads responses by itself; and the second client without the one check that the module looks for has to fail. What the suite's conditions check of requests is checked there in part only: client authentication, certificates, signed requests with what each profile asks for, and intervals.

How the client ends is checked beside the suite's verdict: a client that crashes would pass the modules that forge a response.`

const legend = `jwt is \`private_key_jwt\`. – is what the plan does not have, suite a fault of the suite's own (below).`

/** The page as Markdown. */
export const conformancePage = (results: ReadonlyArray<Result>, version: string, processes: string): string => {
  const passed = results.filter((result) => result.result === "PASSED" && problem(result) === undefined)
  return `${[
    introduction,
    `The last run, with version ${version} of the suite, ${processes}: ${passed.length} of ${results.length} passed.`,
    table(
      [`${prefix}…`, "the client ends as", ...variants.map(head)],
      modules.map((module) => [
        module.name,
        module.outcomeAtSuite === undefined ? module.outcome : `${module.outcome} (here: ${module.outcomeAtSuite})`,
        ...variants.map((variant) => cell(module, variant, results))
      ])
    ),
    legend,
    "## Faults of the suite",
    table(
      ["module", "profile", "the suite logs", "why"],
      SuiteFaults.suiteFaults.map(({ explanation, finding, module, profile }) => [
        module,
        profile ?? "all",
        finding,
        explanation
      ])
    )
  ].join("\n\n")}\n`
}

/** One line for a terminal. */
export const line = (result: Result): string => {
  const found = problem(result)
  const verdict =
    found === undefined ? (faultOf(result) === undefined ? "passed" : "fault of the suite") : `FAILED, ${found}`
  return `${result.module}, ${nameOf(result.variant)}: ${verdict} (${result.outcome})`
}
