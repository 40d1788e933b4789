import { describe, expect, it } from "vitest"
import { check } from "../check-architecture.ts"
import { format } from "../Finding.ts"
import { plant } from "./planted.ts"

const core = "packages/core/src"

/** A map of these files. */
const mapOf = (paths: ReadonlyArray<string>) =>
  paths.flatMap((path) => (/^packages\/core\/src\/[a-z]+\/[A-Z]/.test(path) ? [line(path)] : [])).join("\n")

const line = (path: string) => path.replace(`${core}/`, "").replace(/\/(\w+)\.ts$/, "/  room  $1")

const find = (files: Record<string, string>) =>
  check(plant({ "ARCHITECTURE.md": mapOf(Object.keys(files)), ...files })).map(
    ({ line, path, rule, warning }) => `${path}:${line} ${rule}${warning ? "?" : ""}`
  )

const planted: ReadonlyArray<readonly [what: string, rule: string, path: string, text: string]> = [
  ["a room that imports a later one", "room-direction", `${core}/client/A.ts`, `import "../token/B.ts"`],
  [
    "a room that imports a later one's type",
    "room-direction",
    `${core}/crypto/A.ts`,
    `import type {} from "../client/B.ts"`
  ],
  ["a re-export from a later room", "room-direction", `${core}/request/A.ts`, `export * from "../token/B.ts"`],
  ["an import type from a later room", "room-direction", `${core}/token/A.ts`, `type A = import("../wait/B.ts").B`],
  ["a dynamic import of a later room", "room-direction", `${core}/token/A.ts`, `void import("../wait/B.ts")`],
  ["identity that imports wait", "room-direction", `${core}/identity/A.ts`, `import "../wait/B.ts"`],
  ["wait that imports identity", "room-direction", `${core}/wait/A.ts`, `import "../identity/B.ts"`],
  ["internal that imports a room", "room-direction", `${core}/internal/A.ts`, `import "../crypto/B.ts"`],
  ["a room that imports a file of the root", "room-direction", `${core}/client/A.ts`, `import "../CibaError.ts"`],
  ["an import of Ciba.ts", "room-direction", `${core}/CibaError.ts`, `import "./Ciba.ts"`],
  ["an unknown room", "room-direction", `${core}/misc/A.ts`, ""],
  ["an unknown package", "package-direction", "packages/misc/src/A.ts", ""],
  ["core that imports a package above it", "package-direction", `${core}/A.ts`, `import "@effect-ciba/testing"`],
  ["packages side by side", "package-direction", "packages/testing/src/A.ts", `import "@effect-ciba/platform-node/B"`],
  ["a path into another package", "package-direction", "packages/testing/src/A.ts", `import "../../core/src/B.ts"`],
  ["jose outside of crypto", "jose", `${core}/client/A.ts`, `import * as jose from "jose"`],
  ["jose outside of core", "jose", "packages/testing/src/A.ts", `import { SignJWT } from "jose"`],
  ["a Node builtin in core", "node-builtin", `${core}/client/A.ts`, `import { Buffer } from "node:buffer"`],
  ["a Node builtin without its prefix", "node-builtin", "packages/testing/src/A.ts", `import "fs/promises"`],
  ["a test runner in a source", "test-runner", "packages/testing/src/A.ts", `import { it } from "@effect/vitest"`],
  ["a file that imports itself", "cycle", `${core}/client/A.ts`, `import "./A.ts"`],
  ["more than 500 lines", "length", `${core}/client/A.ts`, "// line\n".repeat(501)],
  ["a vague file name", "name", `${core}/client/Helpers.ts`, ""],
  ["a vague folder name", "name", `${core}/internal/utils/A.ts`, ""],
  ["any", "any", `${core}/A.ts`, "type A = Array<any>"],
  ["a cast", "as", `${core}/A.ts`, "const a = 1 as unknown"],
  ["a cast in angle brackets", "as", `${core}/A.ts`, "const a = <unknown>1"],
  ["a non-null assertion", "non-null", `${core}/A.ts`, "const a = [1].at(0)!"],
  ["a definite assignment", "non-null", `${core}/A.ts`, "class A { a!: string }"],
  ["Date.now", "impure", `${core}/A.ts`, "const a = Date.now()"],
  ["Date.now as a value", "impure", `${core}/A.ts`, "const a = globalThis.Date.now"],
  ["new Date()", "impure", `${core}/A.ts`, "const a = new Date()"],
  ["Date()", "impure", `${core}/A.ts`, "const a = Date()"],
  ["Math.random", "impure", `${core}/A.ts`, "const a = Math.random()"],
  ["performance.now", "impure", `${core}/A.ts`, "const a = performance.now()"],
  ["setTimeout", "impure", `${core}/A.ts`, "setTimeout(() => {}, 1)"],
  ["JSON.parse", "impure", `${core}/A.ts`, `const a = JSON.parse("1")`],
  ["throw", "throw", `${core}/A.ts`, "throw new Error()"],
  ["an async function", "async", `${core}/A.ts`, "const a = async () => 1"],
  ["an async method", "async", `${core}/A.ts`, "class A { async a() {} }"],
  ["await", "async", `${core}/A.ts`, "await 1"],
  ["for await", "async", `${core}/A.ts`, "for await (const a of []) {}"],
  ["ts-ignore", "suppressed", `${core}/A.ts`, "// @ts-ignore"],
  ["biome-ignore", "suppressed", `${core}/A.ts`, "/* biome-ignore lint: no */"],
  ["an exported const without a type", "export-type", `${core}/A.ts`, "export const a = 1"],
  ["an exported arrow without a return type", "export-type", `${core}/A.ts`, "export const a = () => 1"],
  ["an exported function without a return type", "export-type", `${core}/A.ts`, "export function a() {}"],
  ["a default export without a return type", "export-type", `${core}/A.ts`, "export default function a() {}"],
  ["a const exported by name without a type", "export-type", `${core}/A.ts`, "const a = 1; export { a as b }"],
  [
    "an exported Effect.fn without a return type",
    "export-type",
    `${core}/A.ts`,
    `export const a = Effect.fn("a")(function* () {})`
  ]
]

describe("architecture", () => {
  it.each(planted)("the architecture check finds %s (rule %s)", (_, rule, path, text) => {
    expect(find({ [path]: text })).toEqual([expect.stringMatching(new RegExp(`^${path}:\\d+ ${rule}$`))])
  })

  it("the architecture check finds a cycle across files, also of type-only imports", () => {
    const files = {
      "A.ts": `import "./B.ts"`,
      "B.ts": `import type {} from "./C.ts"`,
      "C.ts": `export * from "./A.ts"`
    }
    const root = Object.fromEntries(Object.entries(files).map(([name, text]) => [`${core}/client/${name}`, text]))
    expect(find(root)).toEqual([`${core}/client/C.ts:1 cycle`])
  })

  it("the architecture check finds a file that is not on the map, and a name on the map without a file", () => {
    const files = { [`${core}/client/A.ts`]: "", [`${core}/client/B.ts`]: "", [`${core}/token/C.ts`]: "" }
    const map = ["client/   who   A", "                 D   ← not E", "", "token/    3     C", "F"].join("\n")
    expect(find({ ...files, "ARCHITECTURE.md": map })).toEqual([`${core}/client/B.ts:1 map`, "ARCHITECTURE.md:2 map"])
  })

  it("the architecture check warns of more than 400 lines", () => {
    expect(find({ [`${core}/client/A.ts`]: "// line\n".repeat(401) })).toEqual([`${core}/client/A.ts:400 length?`])
  })

  it("a finding of the architecture check has file, line, rule and correction", () => {
    const [finding] = check(plant({ [`${core}/A.ts`]: "\n\nthrow 1" }))
    expect(finding && format(finding)).toBe(`${core}/A.ts:3: throw: a throw\n    Fail with a typed error`)
  })

  it("the architecture check finds nothing in a correct workspace", () => {
    const files = {
      [`${core}/index.ts`]: `export * as Ciba from "./Ciba.ts"`,
      [`${core}/Ciba.ts`]: `import "./wait/A.ts"\nimport "./identity/A.ts"`,
      [`${core}/client/index.ts`]: `export * as A from "./A.ts"`,
      [`${core}/client/A.ts`]: [
        `import * as Key from "../crypto/Key.ts"`,
        `import { one as uno } from "../internal/one.ts"`,
        `export const a: string = "jose"`,
        `export const b = (date: number): Date => new Date(date)`,
        `export const c = Effect.fn("c")(function* (): Effect.fn.Return<void> { yield* Effect.void })`,
        `export function d(): void {}`,
        `export class E extends Schema.Class<E>("E")({}) {}`,
        `const words = ["poll"] as const`
      ].join("\n"),
      [`${core}/crypto/Key.ts`]: `import * as jose from "jose"`,
      [`${core}/internal/one.ts`]: "export {}",
      [`${core}/wait/A.ts`]: `import type {} from "../token/A.ts"`,
      [`${core}/token/A.ts`]: `import "../request/A.ts"`,
      [`${core}/request/A.ts`]: "",
      [`${core}/identity/A.ts`]: `import "../token/A.ts"`,
      "packages/platform-node/src/A.ts": `import "node:http"\nimport "@effect-ciba/core/A"`
    }
    expect(find(files)).toEqual([])
  })
})

describe("the length of functions", () => {
  const file = `${core}/A.ts`
  const long = (lines: number) => `const a = () => {\n${"  b()\n".repeat(lines - 2)}}`

  it.each([
    ["an arrow", long(61)],
    ["a generator", `const a = Effect.fnUntraced(function* () {\n${"  b()\n".repeat(59)}})`],
    ["a declaration", `function a() {\n${"  b()\n".repeat(59)}}`],
    ["a method", `class A {\n  a() {\n${"  b()\n".repeat(59)}}\n}`]
  ])("a function of 61 lines is found: %s", (_, text) => {
    expect(find({ [file]: text })).toEqual([expect.stringMatching(/ function-length$/)])
  })

  it("the lines of nested functions are counted for each function", () => {
    expect(find({ [file]: `const b = () => {\n${long(61)}\n}` })).toEqual([
      `${file}:1 function-length`,
      `${file}:2 function-length`
    ])
  })

  it("functions of 60 lines pass", () => {
    expect(find({ [file]: long(60) })).toEqual([])
  })
})
