import { readFileSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { instrument } from "../mutation/instrument.ts"
import { judge } from "../mutation/judge.ts"
import { plant } from "./planted.ts"

const root = join(import.meta.dirname, "..", "..")

const source = `export const isAdult = (age: number): boolean => age >= 18
export const countDown = (from: number): number => {
  let left = from
  while (left > 0) left -= 1
  return left
}
export const never = (): string => "never"
`

const test = `import { expect, it } from "vitest"
import { countDown, isAdult } from "./Source.ts"
it("tells an adult", () => expect([isAdult(20), isAdult(3)]).toEqual([true, false]))
let isHeld = false
it("counts down, and holds a lock meanwhile", async ({ signal }) => {
  expect(isHeld).toBe(false)
  isHeld = true
  signal.addEventListener("abort", () => (isHeld = false))
  await new Promise((resume) => countDown(3) === 0 && resume(undefined))
  isHeld = false
})
`

it("a mutant is killed by a test that fails, hangs (and is ended) or loops for ever, and survives if none does", {
  timeout: 120_000
}, async () => {
  const config = readFileSync(join(root, "vitest.mutation.ts"), "utf8")
  const workspace = plant({ "vitest.mutation.ts": config, "Source.ts": source, "Source.test.ts": test })
  for (const name of ["node_modules", "scripts"]) symlinkSync(join(root, name), join(workspace, name))
  const mutants = await instrument(workspace, ["Source.ts"])
  const verdicts = await judge(workspace, ["Source.test.ts"])
  const verdictOf = (original: string, replacement: string) => {
    const mutant = mutants.find((one) => one.original === original && one.replacement === replacement)
    return mutant === undefined ? "no such mutant" : verdicts.get(mutant.id)
  }
  expect(verdictOf("age >= 18", "age < 18")).toBe("killed")
  expect(verdictOf("age >= 18", "age > 18")).toBe("survived")
  expect(verdictOf("left > 0", "false")).toBe("killed")
  expect(verdictOf("left > 0", "left >= 0")).toBe("killed")
  expect(verdictOf("left -= 1", "left += 1")).toBe("killed")
  expect(verdictOf('"never"', '""')).toBeUndefined()
})
