// A public module: its header, its exports, and what they are declared with that no module exports.
import { join } from "node:path"
import { type PublicModule, type PublicPackage, packages } from "../../scripts/api/PublicModules.ts"
import { Reached } from "../../scripts/api/Reached.ts"
import { readHeader } from "../../scripts/module-header.ts"
import { anchors } from "../anchors.ts"
import * as DocComment from "./DocComment.ts"
import { type Entry, readExports, readInternal } from "./Entry.ts"

export interface Module extends PublicModule {
  readonly header: DocComment.DocComment
  readonly entries: ReadonlyArray<Entry>
  readonly internal: ReadonlyArray<Entry>
  /** Of its page, on the site. */
  readonly path: string
  /** Of each entry on the page. */
  readonly anchors: ReadonlyMap<string, string>
}

export interface Package extends PublicPackage {
  readonly modules: ReadonlyArray<Module>
}

/** The modules of each package, whose `dist` the compiler has written. */
export const load = (root: string): ReadonlyArray<Package> => {
  const all = packages(root)
  const open = new Set(all.flatMap(({ modules }) => modules.map(({ source }) => source)))
  return all.map((each) => ({ ...each, modules: each.modules.map((module) => read(root, each.folder, module, open)) }))
}

/** Other public modules, which have pages of their own, are not followed into. */
const read = (root: string, folder: string, module: PublicModule, open: ReadonlySet<string>): Module => {
  const reached = new Reached(root, open)
  reached.takeExports(module.source)
  const entries = readExports(reached, module.source)
  const [, ...found] = anchors([module.subpath, ...entries.map(({ name }) => name)])
  return {
    ...module,
    header: DocComment.parse(readHeader(join(root, module.source))),
    entries,
    internal: readInternal(reached, entries),
    path: `api/${folder}/${module.subpath}.md`,
    anchors: new Map(entries.map(({ name }, index) => [name, found[index] ?? ""]))
  }
}
