// The API reference: a page for each public module, and one that lists them.
import { layOut } from "../scripts/api/declarations.ts"
import { home } from "./links.ts"
import type { Group, Page } from "./Page.ts"
import type { DocComment } from "./reference/DocComment.ts"
import type { Entry } from "./reference/Entry.ts"
import { type Index, index, linksOf } from "./reference/links.ts"
import { load, type Module, type Package } from "./reference/Module.ts"
import * as signature from "./reference/signature.ts"

export const reference = (root: string): ReadonlyArray<Group> => {
  const packages = load(root)
  const modules = packages.flatMap(({ modules }) => modules)
  const codes = print(modules)
  const known = index(modules)
  const address = `${home(root)}/blob/main`
  return [
    { title: "API reference", pages: [listPage(packages)] },
    ...packages.map(({ modules, name }) => ({
      title: name,
      pages: modules.map((module) => modulePage(address, known, module, codes))
    }))
  ]
}

const listPage = (packages: ReadonlyArray<Package>): Page => {
  const rows = ({ header, path, subpath }: Module): string =>
    `| [\`${subpath}\`](${path.replace("api/", "")}) | ${header.text.split("\n\n", 1).join("").replaceAll("\n", " ")} |`
  const tables = packages.map(({ modules, name }) =>
    [`## ${name}`, ["| module | |", "| --- | --- |", ...modules.map(rows)].join("\n")].join("\n\n")
  )
  const text = [
    "# API reference",
    "What each module exports, from its doc comments. A module is imported from its package by its name, or by its path alone.",
    ...tables
  ]
  return { source: "docs/api", path: "api/index.md", title: "All modules", text: join(text) }
}

const modulePage = (address: string, known: Index, module: Module, codes: ReadonlyMap<Entry, string>): Page => {
  const { entries, header, internal, name, path, source, subpath } = module
  const show = (entry: Entry): ReadonlyArray<string> => [
    `## ${entry.name}`,
    entry.doc.text,
    fence(codes.get(entry)),
    facts(entry.doc, linksOf(known, path, entry))
  ]
  const behind = internal.map((entry) => [entry.doc.text, fence(codes.get(entry))].filter(Boolean).join("\n\n"))
  const text = [
    `# ${subpath}`,
    `\`${name}\`, [source](${address}/${source})`,
    header.text,
    ...(header.see === undefined ? [] : [`See ${header.see}.`]),
    ...entries.flatMap(show),
    ...(behind.length === 0
      ? []
      : ["## Internal types", "What the declarations above need, and no module exports.", ...behind])
  ]
  return { source, path, title: subpath, text: join(text) }
}

const join = (parts: ReadonlyArray<string>): string => `${parts.filter((part) => part !== "").join("\n\n")}\n`

const fence = (code = ""): string => `\`\`\`ts\n${code.trim()}\n\`\`\``

const facts = ({ see, since, stability }: DocComment, links: ReadonlyArray<string>): string =>
  [
    `Since ${since}, ${stability}.`,
    ...(see === undefined ? [] : [`See ${see}.`]),
    ...(links.length === 0 ? [] : [`Refers to ${links.join(", ")}.`])
  ].join(" ")

/** As many characters as fit beside the side bars. */
const lineWidth = 72

/** The code of each entry, laid out in one go. */
const print = (modules: ReadonlyArray<Module>): ReadonlyMap<Entry, string> => {
  const entries = modules.flatMap(({ entries, internal }) => [...entries, ...internal])
  const texts = layOut(
    entries.map(({ declarations }) => declarations.map(signature.write).join("\n")),
    { lineWidth }
  )
  return new Map(entries.map((entry, index) => [entry, signature.shorten(texts[index] ?? "")]))
}
