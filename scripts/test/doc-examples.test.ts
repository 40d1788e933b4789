import { rmSync } from "node:fs"
import { dirname } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { collect, extract, type Program, run, typeErrors, write } from "../doc-examples.ts"
import { plant } from "./planted.ts"

const fence = (info: string, ...lines: ReadonlyArray<string>): string => [`\`\`\`${info}`, ...lines, "```"].join("\n")

const programs = (files: Record<string, string>): ReadonlyArray<Program> => {
  const written = write(collect(plant(files)))
  onTestFinished(() => {
    for (const { file } of written.slice(0, 1)) rmSync(dirname(file), { recursive: true })
  })
  return written
}

const outcome = async (...lines: ReadonlyArray<string>): Promise<string> => {
  const [program] = programs({ "README.md": `# Title\n\n${fence("ts", ...lines)}` })
  if (program === undefined) return "no program"
  return run(program).then(
    () => "passed",
    (error: Error) => error.message.split("\n", 1).join()
  )
}

describe("doc examples", () => {
  it("examples are extracted from doc comments and documents only", () => {
    const comment = ["/**", " * A doc.", " *", " * ```ts", " * const a = 1", " * ```", " */"].join("\n")
    const files = {
      "README.md": fence("ts", "const b = 1"),
      "docs/a/b.md": `${fence("sh", "ls")}\n${fence("ts no-run", "const c = 1")}`,
      "packages/core/src/A.ts": `\n${comment}\nexport {}\n`,
      "packages/core/README.md": fence("ts", "const d = 1"),
      "packages/core/test/A.ts": comment
    }
    expect(collect(plant(files))).toEqual([
      { path: "packages/core/README.md", line: 1, run: true, code: "const d = 1" },
      { path: "packages/core/src/A.ts", line: 5, run: true, code: "const a = 1" },
      { path: "docs/a/b.md", line: 4, run: false, code: "const c = 1" },
      { path: "README.md", line: 1, run: true, code: "const b = 1" }
    ])
  })

  it("an unknown fence and an unclosed one are rejected", () => {
    expect(() => extract("a.md", fence("ts skip"))).toThrow(`a.md:1: unknown fence "ts skip"`)
    expect(() => extract("a.md", "\n```ts")).toThrow("a.md:2: the fence is not closed")
  })

  it("an example passes if every value is as written", async () => {
    const lines = [
      `import { Effect } from "effect"`,
      "const program = Effect.succeed({ a: [1] })",
      "await Effect.runPromise(",
      "  program",
      ") // => { a: [1] }",
      "console.log(1 + 1) // => 2"
    ]
    expect(await outcome(...lines)).toBe("passed")
  })

  it("an example fails at the line of a different value", async () => {
    expect(await outcome("const a = 1", "", "a + 1 // => 3")).toMatch(/^README\.md:6: Expected values/)
    expect(await outcome("console.log([1]) // => [2]")).toMatch(/^README\.md:4: Expected values/)
  })

  it("an example with an unknown import fails", async () => {
    expect(await outcome(`import "effect/NoSuchModule"`)).toMatch(/^README\.md:\d: .*NoSuchModule/)
  })

  it("a value without an expression before it fails", async () => {
    await expect(outcome("const a = 1 // => 1")).rejects.toThrow(`README.md:4: no expression in front of "// => 1"`)
  })

  it("a type error is reported at the line of the document", { timeout: 60_000 }, () => {
    const files = {
      "README.md": `\n${fence("ts no-run", `import {} from "@effect-ciba/core/NoSuchModule"`, "const a: string = 1")}`,
      "docs/good.md": fence("ts", "1 // => 1")
    }
    expect(typeErrors(programs(files))).toEqual([
      expect.stringMatching(/^README\.md:3: error TS\d+: Cannot find module '@effect-ciba\/core\/NoSuchModule'/),
      expect.stringMatching(/^README\.md:4: error TS\d+: Type 'number' is not assignable to type 'string'/)
    ])
  })
})
