// The API reference: a page for each public module of each package, from the declarations that the compiler emits.
import { join } from "node:path"
import { layOut } from "../scripts/api/declarations.ts"
import { type PublicModule, type PublicPackage, packages } from "../scripts/api/PublicModules.ts"
import { Reached } from "../scripts/api/Reached.ts"
import { readHeader } from "../scripts/module-header.ts"
import { home } from "./links.ts"
import type { Group, Page } from "./Page.ts"
import * as DocComment from "./reference/DocComment.ts"
import { type Entry, readExports, readInternal } from "./reference/Entry.ts"
import * as signature from "./reference/signature.ts"

interface Module extends PublicModule {
  readonly header: DocComment.DocComment
  readonly entries: ReadonlyArray<Entry>
  readonly internal: ReadonlyArray<Entry>
}

/** The modules of each package, whose `dist` the compiler has written. */
export const reference = (root: string): ReadonlyArray<Group> => {
  const all = packages(root)
  const open = new Set(all.flatMap(({ modules }) => modules.map(({ source }) => source)))
  return all.map((each) => {
    const modules = each.modules.map((module) => load(root, module, open))
    const codes = print(modules)
    return { title: each.name, pages: modules.map((module) => toPage(root, each, module, codes)) }
  })
}

/** A module, with what its declarations need, up to other public modules, which have pages of their own. */
const load = (root: string, module: PublicModule, open: ReadonlySet<string>): Module => {
  const reached = new Reached(root, open)
  reached.takeExports(module.source)
  const entries = readExports(reached, module.source)
  const header = DocComment.parse(readHeader(join(root, module.source)))
  return { ...module, header, entries, internal: readInternal(reached, entries) }
}

/** Fits a phone's width after little scrolling, and a column of text on a desktop. */
const lineWidth = 80

/** The code of each entry, laid out in one go. */
const print = (modules: ReadonlyArray<Module>): ReadonlyMap<Entry, string> => {
  const entries = modules.flatMap(({ entries, internal }) => [...entries, ...internal])
  const texts = layOut(
    entries.map(({ declarations }) => declarations.map(signature.write).join("\n")),
    { lineWidth }
  )
  return new Map(entries.map((entry, index) => [entry, signature.shorten(texts[index] ?? "")]))
}

const toPage = (
  root: string,
  { folder }: PublicPackage,
  { entries, header, internal, name, source, subpath }: Module,
  codes: ReadonlyMap<Entry, string>
): Page => {
  const show = (entry: Entry): ReadonlyArray<string> => [
    `## ${entry.name}`,
    entry.doc.text,
    fence(codes.get(entry) ?? ""),
    facts(entry.doc)
  ]
  const behind =
    internal.length === 0
      ? []
      : ["## Behind these", "Types that the declarations above need, and that no module exports."]
  const text = [
    `# ${subpath}`,
    header.text,
    ...(header.see === undefined ? [] : [`See ${header.see}.`]),
    fence(`import * as ${subpath} from "${name}"`),
    `[Source](${home(root)}/blob/main/${source})`,
    ...entries.flatMap(show),
    ...behind,
    ...internal.flatMap((entry) => [entry.doc.text, fence(codes.get(entry) ?? "")])
  ]
  return {
    source,
    path: `api/${folder}/${subpath}.md`,
    title: subpath,
    text: `${text.filter((part) => part !== "").join("\n\n")}\n`
  }
}

const fence = (code: string): string => `\`\`\`ts\n${code.trim()}\n\`\`\``

const facts = ({ see, since, stability }: DocComment.DocComment): string =>
  [see && `See ${see}.`, `Since ${since}, ${stability}.`].filter(Boolean).join(" ")
