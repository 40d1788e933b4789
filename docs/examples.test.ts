import { rmSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { collect, run, typeErrors, write } from "../scripts/doc-examples.ts"

const programs = write(collect(resolve(import.meta.dirname, "..")))

afterAll(() => {
  for (const { file } of programs.slice(0, 1)) rmSync(dirname(file), { recursive: true })
})

describe("the examples in doc comments and documents", () => {
  it("pass the type checker", { timeout: 60_000 }, () => {
    expect(typeErrors(programs)).toEqual([])
  })

  for (const program of programs.filter(({ example }) => example.run)) {
    it(`run: ${program.example.path}:${program.example.line}`, () => run(program))
  }
})
