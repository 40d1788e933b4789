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

export const introduction = `# Conformance

The relying-party plan \`${plan}\` of OpenID's conformance suite: ${modules.length} modules in ${variants.length} variants. The clients are the [examples](../examples) for FAPI-CIBA, Open Banking UK, Open Finance Brasil and ConnectID.

- \`npm run conformance -- --suite https://localhost:8443 --write\` drives them through a suite that you run, and writes this page. \`--ca FILE\` is the certificate authority of the suite; \`--host\` and \`--port\` are where it reaches the notification endpoint; \`--fresh\` gives each module a process of its own; names of modules, profiles or variants run those alone. \`CONFORMANCE_TOKEN\` is the token of a suite that asks for one.
- \`npm test -- e2e/conformance\` needs no suite. The same modules, written anew, run against a provider over TLS on loopback, all in one process: in each, the example passes and ends as the table says; a second client, which reads responses by itself, passes; and without the one check that the module looks for it fails. Of the requests, these modules check client authentication, certificates, signed requests with what each profile asks for, and intervals: less than the suite does.

How the client ends is checked beside the verdict, because a client that crashes passes every module that forges a response. With the suite, the provider presents no certificate when it pings, so the endpoint asks for none, for Brazil neither; \`e2e/notificationServer.test.ts\` has that.`

const legend =
  "jwt is `private_key_jwt`; – is what the plan does not have; suite is a fault of the suite's own (below)."

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
