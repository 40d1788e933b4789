import { describe, expect, it } from "vitest"
import { reference } from "../reference.ts"
import { plant } from "./planted.ts"

const doc = (text: string) => `/**\n * ${text}\n *\n * @since 0.1.0\n * @stability stable\n */\n`

const header = "/**\n * Waits.\n *\n * **When to use**\n *\n * Rarely.\n *\n * @see RFC 1\n */\n"

const files = {
  "packages/core/src/Wait.ts": header,
  "packages/core/src/internal/Speed.ts": "/** How fast to poll. */\n",
  "packages/core/src/Clock.ts": "/**\n * Tells the\n * time.\n */\n",
  "packages/core/dist/Wait.d.ts": `${header}
import { Clock } from "./Clock.ts"
import * as Pace from "./internal/Pace.ts"
interface Hidden {
    /** In seconds. */
    readonly pace: Pace.Pace
}
${doc("How to wait.")}export interface Options extends Hidden {
    readonly clock: Clock
}
declare const Wait_base: Service<Wait, "Wait"> & { readonly row: 1 }
${doc("A wait.")}export declare class Wait extends Wait_base {
}
${doc("Waits once.")}export declare function make(options: Options): Wait
${doc("")}export declare function make(): Wait
${doc("")}export { faster as fast } from "./internal/Pace.ts"
${doc("")}export * as Speed from "./internal/Speed.ts"
`,
  "packages/core/dist/Clock.d.ts": `${doc("The time.")}export interface Clock {}\n`,
  "packages/core/dist/internal/Speed.d.ts":
    "/** The most. */\nexport declare const most: number\nexport declare const least: number\n",
  "packages/core/dist/internal/Pace.d.ts":
    "/** A pace. */\nexport type Pace = number\n/** Doubles it. */\nexport declare const faster: (pace: Pace) => Pace\n"
}

const page = (path: string): string => {
  const pages = reference(plant(files)).flatMap(({ pages }) => pages)
  return pages.find((page) => page.path === path)?.text ?? ""
}

describe("the API reference", () => {
  it("has a page for each public module, with its header, and lists them", () => {
    const groups = reference(plant(files))
    expect(groups.map(({ pages, title }) => [title, pages.map(({ path }) => path)])).toEqual([
      ["API reference", ["api/index.md"]],
      ["@example/core", ["api/core/Clock.md", "api/core/Wait.md"]]
    ])
    expect(page("api/index.md")).toContain("| [`Clock`](core/Clock.md) | Tells the time. |")
    expect(page("api/core/Wait.md")).toContain(
      `# Wait

\`@example/core/Wait\`, [source](https://git.example/house/core/blob/main/packages/core/src/Wait.ts)

Waits.

**When to use**

Rarely.

See RFC 1.
`
    )
  })

  it("has each export with its comment, its declaration, and what that refers to", () => {
    expect(page("api/core/Wait.md")).toContain(
      `## Options

How to wait.

\`\`\`ts
interface Options extends Hidden {
  readonly clock: Clock
}
\`\`\`

Since 0.1.0, stable. Refers to [Clock](Clock.md#clock-1).
`
    )
  })

  it("has one entry for the overloads of a function", () => {
    const text = page("api/core/Wait.md")
    expect(text.match(/^## make$/gm)).toHaveLength(1)
    expect(text).toContain("Waits once.\n\n```ts\nfunction make(options: Options): Wait\nfunction make(): Wait\n```")
  })

  it("has the base of a class that the compiler has given a name", () => {
    expect(page("api/core/Wait.md")).toContain('class Wait extends Service<Wait, "Wait"> {}')
  })

  it("has what is exported from an internal module, with its comment", () => {
    expect(page("api/core/Wait.md")).toContain(
      "## fast\n\nDoubles it.\n\n```ts\nconst faster: (pace: Pace) => Pace\n```"
    )
  })

  it("has what a module exports as a namespace, with the module's header", () => {
    const declared = "const most: number\nconst least: number"
    expect(page("api/core/Wait.md")).toContain(`## Speed\n\nHow fast to poll.\n\n\`\`\`ts\n${declared}\n\`\`\``)
  })

  it("has the types that no module exports, once, without those of other pages", () => {
    const [, internal = ""] = page("api/core/Wait.md").split("## Internal types")
    expect(internal).toContain("interface Hidden {\n  /** In seconds. */\n  readonly pace: Pace.Pace\n}")
    expect(internal).toContain("A pace.\n\n```ts\ntype Pace = number\n```")
    expect(internal).not.toContain("interface Clock")
    expect(internal).not.toContain("_base")
  })
})
