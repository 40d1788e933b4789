// `npm run machines`: three machines and a PostgreSQL that are killed, frozen, cut off and stopped, and what the provider and the
// database say of it. `--small` for CI, `--seed N` for the same faults, `--write` for the table of docs/many-machines.md, and
// `--planted NAME` for a shorter run with an error that has to be found.
import { readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import * as SeededRandom from "../packages/core/test/support/SeededRandom.ts"
import type { Evidence } from "./machines/Evidence.ts"
import * as Judge from "./machines/Judge.ts"
import * as Main from "./machines/Main.ts"
import * as Page from "./machines/Page.ts"
import * as Planted from "./machines/Planted.ts"
import * as Postgres from "./machines/Postgres.ts"
import * as Scenario from "./machines/Scenario.ts"
import { few, large, small } from "./machines/Settings.ts"

const { values } = parseArgs({
  options: {
    small: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    seed: { type: "string", default: `${Date.now() % 1_000_000}` },
    planted: { type: "string" }
  }
})

const fail = (problem: string): never => {
  console.error(problem)
  process.exit(1)
}

if (!Postgres.isInstalled) fail("PostgreSQL is not installed: apt-get install postgresql")
if (values.planted !== undefined && !(values.planted in Planted.findings)) {
  fail(`Nothing is planted by that name, but ${Object.keys(Planted.findings).join(", ")}`)
}

console.log(`machines: seed ${values.seed}`)
const settings = values.planted === undefined ? (values.small ? small : large) : few
const chance = SeededRandom.make(Number(values.seed))
const judge = (evidence: Evidence): boolean => {
  const figures = Judge.figures(evidence)
  const failed = figures.filter(({ holds }) => !holds)
  console.log(Page.print(figures))
  if (values.planted !== undefined) {
    const finding = Planted.findings[values.planted] ?? ""
    const isFound = failed.some(({ title }) => title.startsWith(finding))
    console.log(`${isFound ? "found" : "NOT FOUND"}: ${values.planted}`)
    return isFound
  }
  if (values.write) {
    const page = new URL("../docs/many-machines.md", import.meta.url)
    writeFileSync(page, Page.write(readFileSync(page, "utf8"), settings, figures))
  }
  if (failed.length > 0) console.error([`seed ${values.seed}`, ...Judge.explain(evidence)].join("\n"))
  return failed.length === 0
}

Main.run(Effect.map(Scenario.run({ settings, chance, planted: values.planted }), judge))
