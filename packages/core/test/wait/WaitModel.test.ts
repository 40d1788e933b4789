import { expect, it } from "vitest"
import * as Wait from "../../src/wait/Wait.ts"
import { explore } from "./model/explore.ts"
import { setting } from "./model/settings.ts"

// Each has what its name says, in as few states as can show it; `npm run wait` explores longer waits.
const waits = {
  "two polls": setting("poll", false, 5),
  "a stored poll": setting("poll", true, 3),
  "a poll that can be cancelled": setting("poll", false, 3, true),
  "a ping": setting("ping", false, 2),
  "a push": setting("push", false, 3),
  "a stored push that can be cancelled": setting("push", true, 3, true)
}

for (const [title, given] of Object.entries(waits)) {
  it(`every rule holds in every interleaving of a wait with ${title}`, () => {
    const { states, violation } = explore(Wait, given, 200_000)
    expect(violation).toBeUndefined()
    expect(states).toBeGreaterThan(1000)
  })
}
