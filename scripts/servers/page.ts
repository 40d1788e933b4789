// The page docs/interoperability.md, from what a run of the matrix has reported and the table of quirks.
import { rows as ownRows } from "../../e2e/Matrix.ts"
import { quirks } from "../../e2e/servers/Quirks.ts"
import type { Missing } from "../../e2e/servers/Trial.ts"

/** A cell that has run. */
export interface Result {
  readonly server: string
  readonly row: string
  readonly name: string
  readonly passed: boolean
  readonly sent: string
}

export interface Provider {
  readonly name: string
  readonly missing: Missing
}

const cell = (text: string): string => text.replaceAll("|", "\\|")

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(cell).join(" | ")} |`).join("\n")

const unique = <A>(values: ReadonlyArray<A>): ReadonlyArray<A> => [...new Set(values)]

const count = (results: ReadonlyArray<Result>): string => {
  const passed = results.filter((result) => result.passed).length
  if (results.length === 0) return "–"
  return passed === results.length ? String(passed) : `${passed} of ${results.length}`
}

const overview = (providers: ReadonlyArray<Provider>, results: ReadonlyArray<Result>): string => {
  const own = new Set(ownRows.map(({ name }) => name))
  return table(
    ["capability", "oidc-provider", ...providers.map(({ name }) => name)],
    unique([...own, ...results.map(({ row }) => row)]).map((row) => [
      row,
      own.has(row) ? "+" : "–",
      ...providers.map(({ name }) => count(results.filter((result) => result.server === name && result.row === row)))
    ])
  )
}

interface Line {
  readonly rows: string
  readonly names: string
  readonly result: string
  readonly sent: string
}

/** Merges lines that differ in one column only. */
const merge = (lines: ReadonlyArray<Line>, column: "rows" | "names"): ReadonlyArray<Line> => {
  const other = column === "rows" ? "names" : "rows"
  const isSame = (one: Line) => (line: Line) =>
    one[other] === line[other] && one.result === line.result && one.sent === line.sent
  return lines
    .filter((line, index) => lines.findIndex(isSame(line)) === index)
    .map((line) => {
      const same = lines.filter(isSame(line)).map((each) => each[column])
      return { ...line, [column]: same.join("; ") }
    })
}

const toLine = ({ name, passed, row, sent }: Result): Line => ({
  rows: row.replace(", poll: approval, denial, expiry", ""),
  names: name,
  result: passed ? "passed" : "**failed**",
  sent
})

const section = ({ missing, name }: Provider, results: ReadonlyArray<Result>): string => {
  const own = results.filter(({ server }) => server === name)
  return [
    `## ${name}`,
    `${own.length} cells.`,
    table(
      ["capability", "cell", "result", "what the provider sent"],
      merge(merge(own.map(toLine), "names"), "rows").map(({ names, result, rows, sent }) => [rows, names, result, sent])
    ),
    "What it has not:",
    table(["capability", "why"], Object.entries(missing))
  ].join("\n\n")
}

const introduction = `# Interoperability

This page is what \`npm run servers\` has seen: the same cells with every provider, each a test that fails unless the client does what the specification asks. \`npm run servers -- --write\` writes it.
An endpoint is named by the end of its path, a response by its status and its members, or its error code; \`notification\` is what the provider sent to the client. Pending polls are left out.
The numbers count cells; + are the tests of \`npm test\` with oidc-provider, whose end-to-end matrix fails if one of them has not run; – is what a provider has not, or what is not tried.`

/** The page as Markdown. */
export const interoperabilityPage = (providers: ReadonlyArray<Provider>, results: ReadonlyArray<Result>): string =>
  `${[
    introduction,
    overview(providers, results),
    ...providers.map((provider) => section(provider, results)),
    "## Quirks of providers",
    "What providers do beside the specifications, and what follows for a client. Error responses that mean something else than they say are under [habits of providers](errors.md#habits-of-providers).",
    table(
      ["provider", "quirk", "what follows", "shown by"],
      quirks.map(({ cell, consequence, provider, quirk }) => [provider, quirk, consequence, cell ?? ""])
    )
  ].join("\n\n")}\n`

/** Names in the tables of quirks and of what is missing that are no cell or row of the run. */
export const unknownNames = (
  providers: ReadonlyArray<Provider>,
  results: ReadonlyArray<Result>
): ReadonlyArray<string> => {
  const rows = new Set([...ownRows.map(({ name }) => name), ...results.map(({ row }) => row)])
  const cells = new Set(results.map(({ name, row }) => `${row}: ${name}`))
  const named = providers.flatMap(({ missing }) => Object.keys(missing))
  return [
    ...named.filter((name) => ![...rows].some((row) => name === row || name.startsWith(`${row}: `))),
    ...quirks.flatMap(({ cell }) => (cell === undefined || cells.has(cell) ? [] : [cell]))
  ]
}
