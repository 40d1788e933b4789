// Runs the matrix with servers that others wrote, and holds docs/interoperability.md to what they sent; --write writes it.
// A server whose tools are missing is skipped, and said to be. A name runs that server alone.
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import * as GoOidc from "../e2e/servers/GoOidc.ts"
import * as Keycloak from "../e2e/servers/Keycloak.ts"
import { interoperabilityPage, type Provider, type Result, unknownNames } from "./servers/page.ts"
import { buildGoOidc, unpackKeycloak } from "./servers/toolchains.ts"

const root = resolve(import.meta.dirname, "..")
const page = join(root, "docs/interoperability.md")

interface Server extends Provider {
  readonly file: string
  /** Builds or downloads it; the reason if that cannot be done. */
  readonly prepare: () => string | undefined
}

const servers: ReadonlyArray<Server> = [
  { name: GoOidc.name, missing: GoOidc.missing, file: "goOidc", prepare: buildGoOidc },
  { name: Keycloak.name, missing: Keycloak.missing, file: "keycloak", prepare: () => unpackKeycloak(Keycloak.version) }
]

interface Report {
  readonly testResults: ReadonlyArray<{
    readonly assertionResults: ReadonlyArray<{
      readonly status: string
      readonly meta?: { readonly cell?: Omit<Result, "passed" | "sent"> & { readonly sent?: string } }
    }>
  }>
}

const readResults = (): ReadonlyArray<Result> => {
  const report: Report = JSON.parse(readFileSync(join(root, ".cache/vitest-servers.json"), "utf8"))
  return report.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .flatMap(({ meta, status }) =>
      meta?.cell === undefined ? [] : [{ sent: "", ...meta.cell, passed: status === "passed" }]
    )
}

const fail = (problem: string) => {
  console.error(problem)
  process.exitCode = 1
}

const parameters = process.argv.slice(2)
const wanted = parameters.filter((parameter) => !parameter.startsWith("--"))
const prepared = servers
  .filter(({ file }) => wanted.length === 0 || wanted.includes(file))
  .map((server) => ({ server, skipped: server.prepare() }))
for (const { server, skipped } of prepared) {
  if (skipped !== undefined) console.log(`SKIPPED: ${server.name}: ${skipped}`)
}
const ready = prepared.flatMap(({ server, skipped }) => (skipped === undefined ? [server] : []))
if (ready.length > 0) {
  const files = ready.map(({ file }) => `e2e/servers/${file}.server.test.ts`)
  const { status } = spawnSync("vitest", ["run", "--config", "vitest.servers.ts", ...files], {
    cwd: root,
    stdio: "inherit"
  })
  process.exitCode = status ?? 1
}
if (ready.length < servers.length) {
  console.log("docs/interoperability.md is not compared: not every server has run")
} else if (process.exitCode === 0) {
  const reported = readResults()
  const results = servers.flatMap(({ name }) => reported.filter(({ server }) => server === name))
  const text = interoperabilityPage(servers, results)
  for (const name of unknownNames(servers, results)) fail(`"${name}" is no cell of the matrix`)
  if (parameters.includes("--write")) writeFileSync(page, text)
  else if (readFileSync(page, "utf8") !== text) {
    fail("docs/interoperability.md is not what the servers have sent: npm run servers -- --write")
  }
}
