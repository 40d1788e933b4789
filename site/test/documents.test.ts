import { resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { list } from "../../scripts/source.ts"
import { documents } from "../documents.ts"
import { plant } from "./planted.ts"

const root = resolve(import.meta.dirname, "../..")

describe("the documents of the site", () => {
  it("have each page of docs in one place", () => {
    const sources = documents(root).flatMap(({ pages }) => pages.map(({ source }) => source))
    expect(sources.filter((source) => source.startsWith("docs/")).toSorted()).toEqual(list(root, "docs", /\.md$/))
    expect(new Set(sources).size).toBe(sources.length)
  })

  it("begin with the page to begin with, and come at paths of their own", () => {
    const [first] = documents(root)
    expect(first?.pages[0]).toMatchObject({ path: "getting-started.md", title: "Getting started" })
    const paths = documents(root).flatMap(({ pages }) => pages.map(({ path }) => path.toLowerCase()))
    expect(new Set(paths).size).toBe(paths.length)
  })

  it("have a title of their own each, by which the side bar names them", () => {
    const titles = documents(root).flatMap(({ pages }) => pages.map(({ title }) => title.toLowerCase()))
    expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([])
  })

  it("have a page that the order does not know, a decision and a change log", () => {
    const page = plant({
      "docs/new.md": "# News\n",
      "docs/decisions/0001-one.md": "# 1. One\n",
      "packages/core/CHANGELOG.md": "# Changes\n",
      "SECURITY.md": "# Security\n",
      "examples/README.md": "# Examples\n"
    })
    const found = documents(page).flatMap(({ pages, title }) => pages.map(({ path }) => [title, path]))
    expect(found).toEqual([
      ["Start", "examples.md"],
      ["More", "new.md"],
      ["Development", "project/security.md"],
      ["Development", "packages/core.md"],
      ["Decisions", "decisions/0001-one.md"]
    ])
  })

  it("have the width of the list of headings for a table of five columns, and for no other", () => {
    const table = (columns: number) => `# A\n\n${"| a ".repeat(columns)}|\n${"| --- ".repeat(columns)}|\n`
    const root = plant({ "docs/four.md": table(4), "docs/wide.md": table(5) })
    const texts = documents(root).flatMap(({ pages }) => pages.map(({ text }) => text))
    expect(texts).toEqual([table(4), `---\naside: false\n---\n\n${table(5)}`])
  })

  it("are refused without a title", () => {
    expect(() => documents(plant({ "docs/new.md": "News" }))).toThrow("docs/new.md has no title")
  })
})
