import { expect, it } from "vitest"
import { explore } from "../../packages/core/test/wait/model/explore.ts"
import * as planted from "../wait/planted.ts"

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
