// Explores every interleaving of a wait with its driver, store and provider, and of two workers over its row; then plants errors, each of
// which must be found.
import * as Wait from "../packages/core/src/wait/Wait.ts"
import { explore } from "../packages/core/test/wait/model/explore.ts"
import type { Report } from "../packages/core/test/wait/model/search.ts"
import { setting } from "../packages/core/test/wait/model/settings.ts"
import * as driver from "../packages/durable/src/internal/DrivenWait.ts"
import * as table from "../packages/durable/src/internal/WaitTable.ts"
import * as Workers from "./wait/durable/explore.ts"
import * as plantedInWorkers from "./wait/durable/planted.ts"
import * as workers from "./wait/durable/settings.ts"
import * as planted from "./wait/planted.ts"

const explored = [
  setting("poll", false, 8),
  setting("poll", true, 7),
  setting("ping", false, 6),
  setting("ping", true, 5),
  setting("push", false, 8),
  setting("push", true, 8),
  setting("poll", true, 5, true),
  setting("ping", false, 5, true),
  setting("push", true, 6, true)
]

let failures = 0

const report = (kind: string, { states, transitions, violation }: Report): void => {
  console.log(`${kind}: ${states} states, ${transitions} transitions, ${violation?.rule ?? "every rule holds"}`)
  if (violation === undefined) return
  failures += 1
  console.error(`  ${violation.trail.join(" → ")}`)
}

const reportPlanted = (error: string, { violation }: Report): void => {
  if (violation === undefined) failures += 1
  console.log(
    `${violation === undefined ? "NOT FOUND" : "found"}: ${error} (${violation?.rule ?? "no rule is broken"})`
  )
}

// `npm run wait -- workers` explores these alone.
if (!process.argv.includes("workers")) {
  for (const given of explored) {
    const { delivery, isStored, notifiedKeepsInterval } = given.terms
    const kind = `${delivery}, ${isStored ? "stored" : "in memory"}${notifiedKeepsInterval ? ", strict" : ""}`
    report(kind, explore(Wait, given))
  }
  for (const error of planted.all) reportPlanted(error.error, explore(await planted.plant(error), error.setting))
}

for (const delivery of ["poll", "ping", "push"] as const) {
  report(`${delivery}, two workers`, Workers.explore({ table, driver }, workers.setting(delivery)))
}
for (const [{ error, setting }, load] of plantedInWorkers.all)
  reportPlanted(error, Workers.explore(await load(), setting))

console.log(`wait: ${failures} failures`)
if (failures > 0) process.exitCode = 1
