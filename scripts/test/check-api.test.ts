import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { check } from "../check-api.ts"
import { plant } from "./planted.ts"

const snapshot = "docs/api/core.d.ts.txt"
const header = "/**\n * Waits.\n *\n * ```ts\n * 1 + 1 // => 2\n * ```\n */\n"
const tags = "/**\n * A.\n *\n * @since 0.1.0\n * @stability stable\n */\n"

const twin = (target: unknown) =>
  typeof target === "string"
    ? {
        types: target.replace("src", "dist").replace(".ts", ".d.ts"),
        default: target.replace("src", "dist").replace(".ts", ".js")
      }
    : target

const manifest = (exports: Record<string, string | null>, published: object | undefined = undefined): string => {
  const dist = Object.fromEntries(Object.entries(exports).map(([key, target]) => [key, twin(target)]))
  return JSON.stringify({ name: "@effect-ciba/core", exports, publishConfig: { exports: published ?? dist } }, null, 2)
}

const sound = {
  "packages/core/package.json": manifest({ ".": "./src/index.ts", "./Poll": "./src/wait/Poll.ts" }),
  "packages/core/src/index.ts": 'export * as Poll from "./wait/Poll.ts"\n',
  "packages/core/src/wait/Poll.ts": `${header}import "./Step.ts"\n\n${tags}export const wait: number = 1\n`,
  "packages/core/dist/wait/Poll.d.ts": "export declare const wait: number;\n",
  "packages/core/test/Poll.test.ts": 'import { Poll } from "@effect-ciba/core"\n'
}

const plantSound = (files: Record<string, string>): string => plant({ ...sound, ...files })

const once = { history: false, write: false }
const written = { history: false, write: true }

/** The snapshot of a package with one public module, `Poll`, and the given .d.ts files. */
const snapshotOf = (files: Record<string, string>): string => {
  const root = plantSound(
    Object.fromEntries(Object.entries(files).map(([path, text]) => [`packages/core/dist/${path}.d.ts`, text]))
  )
  check(root, written)
  return readFileSync(join(root, snapshot), "utf8").split("\n\n").slice(1).join("\n\n")
}

const surface = (files: Record<string, string>): string => check(plantSound(files), written).join("\n")

describe("the declarations of a package", () => {
  it("the snapshot has the declarations of each module without comments, private members and source maps", () => {
    const poll = `/** Header. */
import { Effect, Layer } from "effect";
/** A driver. */
export declare class Driver {
    #private;
    private readonly secret;
    /** Seconds. */
    readonly interval: number;
    readonly name: string;
}
export {};
//# sourceMappingURL=Poll.d.ts.map`
    expect(snapshotOf({ "wait/Poll": poll })).toBe(`// @effect-ciba/core/Poll

export declare class Driver {
  #private
  readonly interval: number
  readonly name: string
}
`)
  })

  it("the snapshot does not depend on the order of declarations, imports and members of unions", () => {
    const one = `import { Effect, Layer } from "effect";
import type { HttpClient } from "effect/http";
export declare const wait: Effect.Effect<void, "b" | "a" | undefined, HttpClient.HttpClient>;
export declare const layer: Layer.Layer<never>;`
    const other = `import type { HttpClient } from "effect/http";
import { Layer, Effect } from "effect";
/** The driver. */
export declare const layer: Layer.Layer<never>;
export declare const wait: Effect.Effect<void, undefined | "a" | "b", HttpClient.HttpClient>;`
    expect(snapshotOf({ "wait/Poll": one })).toBe(snapshotOf({ "wait/Poll": other }))
    expect(snapshotOf({ "wait/Poll": one })).toContain('"a" | "b" | undefined')
  })

  it("the snapshot has what public declarations refer to in internal modules, wherever their file is", () => {
    const opaque = `import type { Wire } from "./Wire.ts";
export declare class Opaque<A> { readonly wire: Wire<A>; }
export declare const reveal: <A>(self: Opaque<A>) => A;`
    const text = snapshotOf({
      "wait/Poll": `import { Opaque } from "../internal/Opaque.ts";
import * as Times from "../internal/Times.ts";
export declare const token: Opaque<string>;
export declare const at: Times.Instant | import("../internal/Times.ts").Monotonic;`,
      "internal/Opaque": opaque,
      "internal/Wire": "type Text = string;\nexport type Wire<A> = A | Text;\nexport type Unused = 1;",
      "internal/Times": "export type Instant = 1;\nexport type Monotonic = 2;\nexport type Wall = 3;"
    })
    expect(text).toBe(`// @effect-ciba/core/Poll

import { Opaque } from "internal:Opaque"
import * as Times from "internal:Times"

export declare const at: Times.Instant | import("internal:Times").Monotonic
export declare const token: Opaque<string>

// internal:Opaque

import { Wire } from "internal:Wire"

export declare class Opaque<A> {
  readonly wire: Wire<A>
}

// internal:Times

export type Instant = 1
export type Monotonic = 2

// internal:Wire

type Text = string
export type Wire<A> = A | Text
`)
    const moved = snapshotOf({
      "wait/Poll": `import { Opaque } from "../crypto/Opaque.ts";
import * as Times from "../crypto/Times.ts";
export declare const token: Opaque<string>;
export declare const at: Times.Instant | import("../crypto/Times.ts").Monotonic;`,
      "crypto/Opaque": opaque,
      "crypto/Wire": "type Text = string;\nexport type Wire<A> = A | Text;",
      "crypto/Times": "export type Instant = 1;\nexport type Monotonic = 2;"
    })
    expect(moved).toBe(text)
  })

  it("a changed declaration fails with the changed lines until the snapshot is written", () => {
    const root = plantSound({})
    expect(check(root, once).join()).toContain("@effect-ciba/core/Poll (new module)")
    expect(check(root, written)).toEqual([])
    expect(check(root, once)).toEqual([])
    writeFileSync(
      join(root, "packages/core/dist/wait/Poll.d.ts"),
      "export declare const wait: string;\nexport declare const policy: 1;\n"
    )
    expect(check(root, once)).toEqual([
      `${snapshot} is not what the sources declare
    If a caller may notice: npm run api -- --write, and npx changeset
@effect-ciba/core/Poll
    - export declare const wait: number
    + export declare const policy: 1
    + export declare const wait: string`
    ])
  })

  it("a module without emitted declarations fails", () => {
    const root = plantSound({
      "packages/core/package.json": manifest({ ".": "./src/index.ts", "./Wait": "./src/Wait.ts" })
    })
    expect(() => check(root, once)).toThrow("packages/core/dist/Wait.d.ts is missing")
  })
})

describe("the public surface", () => {
  it("a public module that is listed, exported by the index, documented and used passes", () => {
    expect(surface({})).toBe("")
  })

  it("a wildcard fails", () => {
    const found = surface({
      "packages/core/package.json": manifest({
        ".": "./src/index.ts",
        "./Poll": "./src/wait/Poll.ts",
        "./*": "./src/*.ts"
      })
    })
    expect(found).toContain('exports has a wildcard, "./*"')
  })

  it("more than 49 modules fail, without those under unstable/", () => {
    const names = Array.from({ length: 50 }, (_, number) => `Module${number}`)
    const files = names.flatMap(
      (name): ReadonlyArray<readonly [string, string]> => [
        [`packages/core/src/${name}.ts`, ""],
        [`packages/core/dist/${name}.d.ts`, ""]
      ]
    )
    const exports = Object.fromEntries(names.map((name) => [`./${name}`, `./src/${name}.ts`]))
    const found = surface({
      ...Object.fromEntries(files),
      "packages/core/package.json": manifest({
        ".": "./src/index.ts",
        ...exports,
        "./unstable/jose": "./src/Module0.ts"
      })
    })
    expect(found).toContain("50 public modules, the limit is 49")
  })

  it("a difference between the index and the list fails", () => {
    const found = surface({
      "packages/core/src/index.ts":
        'export * as Wait from "./wait/Poll.ts"\nexport * as Step from "./wait/Step.ts"\nexport const one = 1\n'
    })
    expect(found).toContain('Wait is listed as "./Poll"')
    expect(found).toContain("Step is not in the exports of package.json")
    expect(found).toContain("@effect-ciba/core exports more than modules")
    expect(surface({ "packages/core/src/index.ts": "export {}\n" })).toContain(
      'Write export * as Poll from "./wait/Poll.ts"'
    )
  })

  it("a module under unstable/ is not in the index", () => {
    const found = surface({
      "packages/core/package.json": manifest({
        ".": "./src/index.ts",
        "./Poll": "./src/wait/Poll.ts",
        "./unstable/jose": "./src/crypto/jose.ts"
      }),
      "packages/core/src/crypto/jose.ts": `${header}import "./Jws.ts"\n`,
      "packages/core/dist/crypto/jose.d.ts": "",
      "packages/testing/test/a.ts": 'import { sign } from "@effect-ciba/core/unstable/jose"'
    })
    expect(found).toBe("")
  })

  it("a module that imports an optional peer is not in the index", () => {
    const exports = { ".": "./src/index.ts", "./Poll": "./src/wait/Poll.ts", "./Driver": "./src/Driver.ts" }
    const peers = { peerDependenciesMeta: { driver: { optional: true } } }
    const files = {
      "packages/core/package.json": JSON.stringify({ ...JSON.parse(manifest(exports)), ...peers }, null, 2),
      "packages/core/src/Driver.ts": `${header}import { connect } from "driver"\n`,
      "packages/core/dist/Driver.d.ts": "",
      "packages/testing/test/a.ts": 'import { connect } from "@effect-ciba/core/Driver"'
    }
    expect(surface(files)).toBe("")
    const all = 'export * as Driver from "./Driver.ts"\nexport * as Poll from "./wait/Poll.ts"\n'
    expect(surface({ ...files, "packages/core/src/index.ts": all })).toContain(
      "take the line out: also of what imports an optional peer"
    )
  })

  it("a different published map and a missing file fail", () => {
    const exports = { ".": "./src/index.ts", "./Poll": "./src/wait/Poll.ts" }
    const other = { ".": twin("./src/index.ts"), "./Poll": twin("./src/Poll.ts") }
    expect(surface({ "packages/core/package.json": manifest(exports, other) })).toContain(
      'publishConfig.exports["./Poll"] is not what exports["./Poll"] says'
    )
    const found = surface({
      "packages/core/package.json": manifest({ ...exports, "./Wait": "./src/Wait.ts" }),
      "packages/core/dist/Wait.d.ts": ""
    })
    expect(found).toContain("./src/Wait.ts is missing")
  })

  it("an export without @since or without a valid @stability fails", () => {
    const poll = `${header}import { again } from "./Step.ts"
${tags}export interface Options {}
/** @since 0.1.0 */
export type Wait = 1
/**
 * @stability experimental
 * @since soon
 */
export const step: 1 = 1
${tags}const local = 1
export { local }
export { again }
`
    const found = surface({ "packages/core/src/wait/Poll.ts": poll })
    expect(found).toContain("no @since: step, again\n")
    expect(found).toContain("no @stability: Wait, step, again\n")
  })

  it("a module without a header, or without a running example in it, fails", () => {
    const own = `${tags}export const wait: number = 1\n`
    expect(surface({ "packages/core/src/wait/Poll.ts": own })).toContain("the module has no header")
    const silent = `${header.replace("```ts", "```ts no-run")}import "./Step.ts"\n${own}`
    expect(surface({ "packages/core/src/wait/Poll.ts": silent })).toContain("the header has no example that runs")
    const late = `/** Waits. */\nimport "./Step.ts"\n${header}${own}`
    expect(surface({ "packages/core/src/wait/Poll.ts": late })).toContain("the header has no example that runs")
  })

  it("a module that only its own header imports fails", () => {
    const example = header.replace("1 + 1", 'import { Poll } from "@effect-ciba/core"\n * Poll.wait')
    const poll = `${example}import "./Step.ts"\n${tags}export const wait: number = 1\n`
    const files = { "packages/core/src/wait/Poll.ts": poll, "packages/core/test/Poll.test.ts": "" }
    expect(surface(files)).toContain("no test, example or document imports @effect-ciba/core/Poll")
    const path = 'import * as Poll from "@effect-ciba/core/Poll"'
    expect(surface({ ...files, "docs/waiting.md": `\`\`\`ts\n${path}\n\`\`\`\n` })).toBe("")
    expect(surface({ ...files, "packages/core/test/Poll.test.ts": 'import "../src/wait/Poll.ts"' })).toBe("")
  })
})
