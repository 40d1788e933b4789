// Explores every interleaving of a wait with its driver, store and provider; then plants errors, each of which must be found.
import * as Wait from "../packages/core/src/wait/Wait.ts"
import { explore } from "../packages/core/test/wait/model/explore.ts"
import { setting } from "../packages/core/test/wait/model/settings.ts"
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
for (const given of explored) {
  const { delivery, isStored, notifiedKeepsInterval } = given.terms
  const { states, transitions, violation } = explore(Wait, given)
  const kind = `${delivery}, ${isStored ? "stored" : "in memory"}${notifiedKeepsInterval ? ", strict" : ""}`
  console.log(`${kind}: ${states} states, ${transitions} transitions, ${violation?.rule ?? "every rule holds"}`)
  if (violation === undefined) continue
  failures += 1
  console.error(`  ${violation.trail.join(" → ")}`)
}

for (const error of planted.all) {
  const { violation } = explore(await planted.plant(error), error.setting)
  if (violation === undefined) failures += 1
  console.log(
    `${violation === undefined ? "NOT FOUND" : "found"}: ${error.error} (${violation?.rule ?? "no rule is broken"})`
  )
}

console.log(`wait: ${failures} failures`)
if (failures > 0) process.exitCode = 1
