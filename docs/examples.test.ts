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
    const { line, path } = program.example
    // Those of doc comments may read what all clients of the process share.
    const test = path.endsWith(".ts") ? it : it.concurrent
    test(`run: ${path}:${line}`, () => run(program))
  }
})
