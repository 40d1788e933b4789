import { describe, expect, it } from "vitest"
import { relink } from "../links.ts"
import { plant } from "./planted.ts"

const page = (source: string, path: string, text: string) => ({ source, path, title: source, text })

/** The text of a page at decisions/one.md, beside others, after its links were changed. */
const lead = (text: string): string | undefined => {
  const root = plant({
    "docs/decisions/one.md": text,
    "docs/errors.md": "",
    "SECURITY.md": "",
    "examples/README.md": ""
  })
  const pages = [
    page("docs/decisions/one.md", "decisions/one.md", text),
    page("docs/errors.md", "errors.md", ""),
    page("SECURITY.md", "project/security.md", ""),
    page("examples/README.md", "examples.md", "")
  ]
  return relink(root, pages)[0]?.text
}

describe("the links of a document", () => {
  it("lead to other pages, with their anchors", () => {
    expect(lead("[`a`](../errors.md#tokenerror)")).toBe("[`a`](../errors.md#tokenerror)")
    expect(lead("[a](../../SECURITY.md)")).toBe("[a](../project/security.md)")
    expect(lead("[a](../../examples)")).toBe("[a](../examples.md)")
    expect(lead("[a](https://git.example/house/core/blob/main/docs/errors.md)")).toBe("[a](../errors.md)")
  })

  it("lead to the repository's home, if there is no page", () => {
    const home = "https://git.example/house/core"
    expect(lead("[a](../../packages/core/package.json)")).toBe(`[a](${home}/blob/main/packages/core/package.json)`)
    expect(lead("[a](../../packages/core/)")).toBe(`[a](${home}/tree/main/packages/core)`)
  })

  it("stay as they are within the page, to elsewhere, and in code", () => {
    for (const text of ["[a](#here)", "[a](https://example.com/)", "`[a](b.md)`", "```ts\nf[0](b.md)\n```\n"]) {
      expect(lead(text)).toBe(text)
    }
  })

  it("are refused when they lead nowhere", () => {
    expect(() => lead("[a](gone.md)")).toThrow("docs/decisions/one.md links to gone.md, which does not exist")
  })
})
