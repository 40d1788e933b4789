// `npm run faults`: the same faults with this library and with others. Fails if this library does not do what the row of
// docs/requirements.md asks, or if docs/faults.md or the README's table is not what was seen; `--write` writes both. Words
// choose faults by their titles, and are tried without the page.
import { readFileSync, writeFileSync } from "node:fs"
import { Effect } from "effect"
import type { Client } from "./Client.ts"
import { effectCiba } from "./clients/EffectCiba.ts"
import { oauth4webapi } from "./clients/Oauth4webapi.ts"
import { openidClient } from "./clients/OpenidClient.ts"
import { thunderId } from "./clients/ThunderId.ts"
import type { Fault } from "./Fault.ts"
import { forgeries } from "./kinds/forgeries.ts"
import { notifications } from "./kinds/notifications.ts"
import { paces } from "./kinds/paces.ts"
import { undisturbed, waits } from "./kinds/waits.ts"
import { type Find, faultsPage, holds, type Result, summary } from "./Page.ts"
import * as Trial from "./Trial.ts"

const clients: ReadonlyArray<Client> = [effectCiba, openidClient, oauth4webapi, thunderId]
const parameters = process.argv.slice(2)
const words = parameters.filter((parameter) => !parameter.startsWith("--"))
const kinds = [undisturbed, waits, paces, forgeries, notifications]
  .map((kind) => ({
    ...kind,
    faults: kind.faults.filter(({ title }) => words.length === 0 || words.some((word) => title.includes(word)))
  }))
  .filter(({ faults }) => faults.length > 0)

const tryFault = (client: Client, fault: Fault): Effect.Effect<Result, unknown> =>
  Effect.gen(function* () {
    const isOptional = fault.signature === true && client.check !== undefined
    const [observed, checked] = yield* Effect.all(
      [Trial.run(client, fault, false), isOptional ? Trial.run(client, fault, true) : Effect.undefined],
      { concurrency: "unbounded" }
    )
    return { client, fault, observed, ...(checked && { checked }) }
  })

/** Spreads the starts: if all began at once, the machine would make each of them late. */
const start = (position: number) => Effect.sleep(position * 150)

const trials = kinds
  .flatMap(({ faults }) => faults)
  .flatMap((fault) => clients.map((client) => ({ client, fault })))
  .filter(({ client, fault }) => fault.needs === undefined || client.lacks?.[fault.needs] === undefined)
  .toSorted((one, other) => (other.fault.limit ?? 0) - (one.fault.limit ?? 0))

const results = await Effect.runPromise(
  Effect.forEach(trials, ({ client, fault }, position) => Effect.andThen(start(position), tryFault(client, fault)), {
    concurrency: "unbounded"
  })
)

const find: Find = (fault, client) => results.find((result) => result.fault === fault && result.client === client)

const problems = results
  .filter(({ client }) => client === effectCiba)
  .filter((result) => {
    const { outcome } = result.observed
    const { reason } = result.fault
    return (
      !holds(result) ||
      (reason !== undefined && !(outcome._tag === "Rejected" && outcome.error.endsWith(`\`${reason}\``)))
    )
  })
  .map(({ fault, observed }) => `effect-ciba: ${fault.title}: not what ${fault.row} asks: ${JSON.stringify(observed)}`)

/** Writes a file of the project, or says which of its lines differ. */
const compare = (path: string, change: (text: string) => string): ReadonlyArray<string> => {
  const url = new URL(`../../${path}`, import.meta.url)
  const before = readFileSync(url, "utf8")
  const after = change(before)
  if (parameters.includes("--write")) writeFileSync(url, after)
  if (before === after || parameters.includes("--write")) return []
  const known = new Set(before.split("\n"))
  const lines = after.split("\n").filter((line) => !known.has(line))
  return [`${path} is not what was seen: npm run faults -- --write`, ...lines.map((line) => `+ ${line}`)]
}

if (words.length > 0) console.log(faultsPage(kinds, clients, find))
else {
  problems.push(...compare("docs/faults.md", () => faultsPage(kinds, clients, find)))
  const table = `<!-- faults -->\n${summary(kinds, clients, find)}\n<!-- end of faults -->`
  problems.push(
    ...compare("README.md", (text) => text.replace(/<!-- faults -->.*<!-- end of faults -->/s, () => table))
  )
}
for (const problem of problems) console.error(problem)
process.exit(problems.length === 0 ? 0 : 1)
