// What an entry refers to that has a place on the site.
import { posix } from "node:path"
import { references } from "../../scripts/api/Reached.ts"
import type { Entry } from "./Entry.ts"
import type { Module } from "./Module.ts"

/** Modules by what an import calls them: their source, or their name. */
export type Index = ReadonlyMap<string, Module>

export const index = (modules: ReadonlyArray<Module>): Index =>
  new Map(
    modules.flatMap(
      (module): ReadonlyArray<[string, Module]> => [
        [module.source, module],
        [module.name, module]
      ]
    )
  )

/** Links from the page at `path`, in the order of their texts. */
export const linksOf = (modules: Index, path: string, { declarations, name }: Entry): ReadonlyArray<string> => {
  const found = declarations.flatMap(({ module: { imports }, source, statement }) =>
    [...references(statement.node)].flatMap((reference) => {
      const [local = "", member] = reference.split(".")
      const { from = "", imported = "" } = imports.get(local) ?? {}
      const target = from.startsWith(".") ? posix.join(posix.dirname(source), from) : from
      const named = modules.get(target)
      const module = named ?? modules.get(`${target}/${imported}`)
      const wanted = named === undefined || imported === "*" ? member : imported
      const anchor = wanted === undefined ? undefined : module?.anchors.get(wanted)
      if (module === undefined || anchor === undefined || wanted === name) return []
      return [`[${reference}](${posix.relative(posix.dirname(path), module.path)}#${anchor})`]
    })
  )
  return [...new Set(found)].toSorted()
}
