import { expect, it } from "vitest"
import { explore } from "../../packages/core/test/wait/model/explore.ts"
import * as driver from "../../packages/durable/src/internal/DrivenWait.ts"
import * as table from "../../packages/durable/src/internal/WaitTable.ts"
import * as Workers from "../wait/durable/explore.ts"
import * as plantedInWorkers from "../wait/durable/planted.ts"
import * as workers from "../wait/durable/settings.ts"
import * as planted from "../wait/planted.ts"

for (const [delivery, deadline] of [
  ["poll", 7500],
  ["ping", 5000],
  ["push", 7500]
] as const) {
  it(`every rule holds with two workers over a short ${delivery} wait, each frozen at any step`, () => {
    const { states, violation } = Workers.explore({ table, driver }, workers.setting(delivery, deadline))
    expect(violation).toBeUndefined()
    expect(states).toBeGreaterThan(1000)
  })
}

it("an error that is planted in the statements of the workers is found, with the way to it", async () => {
  const [planted] = plantedInWorkers.all.filter(([{ error }]) => error === "a report forgets a ping")
  if (planted === undefined) throw new Error("nothing is planted")
  const [{ setting }, load] = planted
  const { violation } = Workers.explore(await load(), setting)
  expect(violation?.rule).toBe("a ping makes its wait due, at the floor of its next poll")
  expect(violation?.trail).toContain("is pinged @5000")
})

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
