// docs/faults.md and the table of the README, from what was observed.
import { readFileSync } from "node:fs"
import type { Client } from "./Client.ts"
import type { Fault, Kind } from "./Fault.ts"
import type { Observation } from "./Observation.ts"

/** What a client did about a fault; `checked` with its option for signatures. */
export interface Result {
  readonly client: Client
  readonly fault: Fault
  readonly observed: Observation
  readonly checked?: Observation
}

export type Find = (fault: Fault, client: Client) => Result | undefined

const requirements = readFileSync(new URL("../../docs/requirements.md", import.meta.url), "utf8")

const requirement = (row: string): string => {
  const line = requirements.split("\n").find((line) => line.startsWith(`| ${row} |`))
  if (line === undefined) throw new Error(`docs/requirements.md has no row ${row}`)
  const [, , level = "", reference = "", text = ""] = line.split("|").map((cell) => cell.trim())
  const levels: Readonly<Record<string, string>> = { lib: "no specification", "—": "" }
  const source = [levels[level] ?? level, reference.startsWith("lib") ? "" : reference]
  return `${text} (${row}: ${source.filter((part) => part !== "").join(", ")})`
}

const versionOf = ({ name }: Client): string => {
  const path = new URL(`../node_modules/${name}/package.json`, import.meta.url)
  return JSON.parse(readFileSync(path, "utf8")).version
}

const headingOf = (client: Client): string => {
  if (client.lacks === undefined) return "effect-ciba"
  return [`${client.name} ${versionOf(client)}`, ...(client.part === undefined ? [] : [client.part])].join(", ")
}

/** Whether no token request came sooner than it may. That one came later depends on the machine as well. */
const keepsPauses = ({ pauses = [] }: Fault, { polls }: Observation): boolean =>
  polls.every((at, index) => at >= pauses.slice(0, index + 1).reduce((sum, pause) => sum + pause, 0))

const describePauses = (fault: Fault, observation: Observation): string => {
  const { pauses = [] } = fault
  if (!keepsPauses(fault, observation)) return "; **polls too soon**"
  if (pauses.length === 0 || observation.outcome._tag !== "Tokens") return ""
  return `; pauses of at least ${(new Set(pauses).size === 1 ? pauses.slice(0, 1) : pauses).join(", ")} s`
}

const describe = ({ fault, client }: Result, kind: Kind, observation: Observation): string => {
  const { outcome } = observation
  const limits = outcome._tag === "Unfinished" && client.timeLimits ? ` (${client.timeLimits})` : ""
  return `${kind.describe(observation)}${describePauses(fault, observation)}${limits}`
}

const cell = (find: Find, kind: Kind, fault: Fault, client: Client): string => {
  const result = find(fault, client)
  if (result === undefined) return (fault.needs && client.lacks?.[fault.needs]) ?? "–"
  const { checked, observed } = result
  const text = describe(result, kind, observed)
  return checked === undefined
    ? text
    : `by default, which trusts TLS: ${text}; with \`${client.check}\`: ${describe(result, kind, checked)}`
}

/** Whether a client did what the row asks, with its option for signatures if it has one. */
export const holds = ({ checked, fault, observed }: Result): boolean =>
  fault.holds(checked ?? observed) && keepsPauses(fault, observed)

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

const section = (kind: Kind, clients: ReadonlyArray<Client>, find: Find): string =>
  [
    `## ${kind.title}`,
    table(
      ["fault", "what to do", ...clients.map(headingOf)],
      kind.faults.map((fault) => [
        fault.title,
        requirement(fault.row),
        ...clients.map((client) => cell(find, kind, fault, client))
      ])
    )
  ].join("\n\n")

const introduction = (clients: ReadonlyArray<Client>): string => `# Faults

This page is what \`npm run faults\` has seen: the same faults with each client, on the provider of \`@effect-ciba/testing\` behind an HTTP server on loopback.
\`npm run faults -- --write\` writes it; without \`--write\` it fails if one cell differs, or if one of effect-ciba is not what its row asks.

${clients.map((client) => `- [${headingOf(client)}](${client.documents}): ${client.use}.`).join("\n")}

All of them authenticate by \`client_secret_post\`, over plain http. The interval is 1 second, and the end-user approves, if not stated otherwise.
“What to do” is a row of [requirements.md](requirements.md), which explains the references; “no specification” marks good practice that none demands.
“Approval lost” means that the call ended, or had not ended, without the tokens that the provider had ready. A program can call again with the same \`auth_req_id\`,
if it knows from the error that it may. An error is given by its name and its code.
OpenID Connect Core 3.1.3.7 lets a client trust TLS instead of the signature of an ID Token that comes from the token endpoint. Where verifying it is an option, both are
shown: over TLS only the provider, or a proxy that ends TLS, can change a token.`

export const faultsPage = (kinds: ReadonlyArray<Kind>, clients: ReadonlyArray<Client>, find: Find): string =>
  `${[introduction(clients), ...kinds.map((kind) => section(kind, clients, find))].join("\n\n")}\n`

const count = ({ faults }: Kind, client: Client, find: Find): string => {
  const tried = faults.flatMap((fault) => find(fault, client) ?? [])
  return tried.length === 0 ? "–" : `${tried.filter(holds).length} of ${tried.length}`
}

/** How often each client did what was asked, for the README. */
export const summary = (kinds: ReadonlyArray<Kind>, clients: ReadonlyArray<Client>, find: Find): string =>
  table(
    ["", ...clients.map(headingOf)],
    kinds.map((kind) => [kind.summary, ...clients.map((client) => count(kind, client, find))])
  )
