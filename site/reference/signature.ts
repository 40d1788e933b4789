// A declaration as a reader sees it: a class with its base, and nothing that only a compiler needs.
import { isNode, type Node, nodes, typeOf } from "../../scripts/source.ts"
import type { Declaration } from "./Entry.ts"

/** The text of a declaration. The compiler gives a class the base `X_base`, whose type is written in its place. */
export const write = ({ module, statement: { node } }: Declaration): string => {
  const { superClass } = isNode(node.declaration) ? node.declaration : node
  const base = isNode(superClass) ? baseOf(module.statements, String(superClass.name)) : undefined
  if (!isNode(superClass) || base === undefined) return module.text.slice(node.start, node.end)
  return [
    module.text.slice(node.start, superClass.start),
    module.text.slice(base.start, base.end),
    module.text.slice(superClass.end, node.end)
  ].join("")
}

const baseOf = (statements: ReadonlyArray<Declaration["statement"]>, name: string): Node | undefined => {
  const declaration = statements.find(({ names }) => names.includes(name))?.node
  const type = name.endsWith("_base") ? typeOf(nodes(declaration?.declarations)[0]?.id) : undefined
  return type?.type === "TSIntersectionType" ? nodes(type.types)[0] : type
}

/** Without the words that the declarations of a .d.ts file begin with. */
export const shorten = (text: string): string => text.replaceAll(/^(export )?(declare )?/gm, "")
