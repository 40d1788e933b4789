import { expect, it } from "vitest"
import * as Wait from "../../packages/core/src/wait/Wait.ts"
import { explore } from "../wait/explore.ts"
import * as planted from "../wait/planted.ts"
import { setting } from "../wait/settings.ts"

for (const delivery of ["poll", "ping", "push"] as const) {
  for (const isStored of [false, true]) {
    it(`every rule holds in every interleaving of a short ${delivery} wait, ${isStored ? "stored" : "in memory"}`, () => {
      const { states, violation } = explore(Wait, setting(delivery, isStored, 3))
      expect(violation).toBeUndefined()
      expect(states).toBeGreaterThan(100)
    })
  }
}

it("a planted error is found, with the way to it", async () => {
  const [error] = planted.all
  if (error === undefined) throw new Error("nothing is planted")
  const { violation } = explore(await planted.plant(error), error.setting)
  expect(violation?.rule).toBe("a lost approval does not end as an expiry")
  expect(violation?.trail).toContain("sent @2")
})

it("an error that cannot be planted is reported, because the wait was rewritten", async () => {
  const [error] = planted.all
  if (error === undefined) throw new Error("nothing is planted")
  await expect(planted.plant({ ...error, replace: "not in the source" })).rejects.toThrow("Wait.ts has no")
})
