// What a module exports, each with its doc comment and its declarations, from the .d.ts files that the compiler emits.
import { join, posix } from "node:path"
import type { Declared, Reached, Statement } from "../../scripts/api/Reached.ts"
import { readHeader } from "../../scripts/module-header.ts"
import { isNode, moduleOf, type Node, nodes } from "../../scripts/source.ts"
import * as DocComment from "./DocComment.ts"

export interface Entry {
  readonly name: string
  readonly doc: DocComment.DocComment
  readonly declarations: ReadonlyArray<Declaration>
}

export interface Declaration {
  readonly source: string
  readonly module: Declared
  readonly statement: Statement
}

/** The exports of a module, in their order. */
export const readExports = (reached: Reached, source: string): ReadonlyArray<Entry> => {
  const { module } = reached.open(source)
  const names = module.statements.filter(({ exported }) => exported).flatMap(({ names }) => names)
  return [...new Set(names)].map((name) => read(reached, source, name))
}

/** What is behind the public modules that were reached, and declared for them. */
export const readInternal = (reached: Reached, shown: ReadonlyArray<Entry>): ReadonlyArray<Entry> => {
  const known = new Set(shown.flatMap(({ declarations }) => declarations.map(({ statement }) => statement)))
  return [...reached.modules].flatMap(([source, { kept, module }]) => {
    const declared = [...kept].filter((statement) => !known.has(statement) && !isList(statement.node))
    const names = new Set(declared.flatMap(({ names }) => names).filter((name) => !name.endsWith("_base")))
    return [...names].map((name) =>
      entry(
        name,
        source,
        module,
        declared.filter(({ names }) => names.includes(name))
      )
    )
  })
}

/** What a module calls by this name, wherever it is declared. */
const read = (reached: Reached, source: string, name: string): Entry => {
  const { module } = reached.open(source)
  const statements = module.statements.filter(({ names }) => names.includes(name))
  const declared = statements.filter(({ node }) => !isList(node))
  const own = entry(name, source, module, declared.length > 0 ? declared : statements)
  if (declared.length > 0) return own
  const [list] = statements
  const from = list === undefined ? undefined : moduleOf(list.node)
  if (list?.node.type === "ExportAllDeclaration" && from !== undefined) {
    const target = posix.join(posix.dirname(source), from)
    const header = DocComment.parse(readHeader(join(reached.root, target)))
    const declarations = readExports(reached, target).flatMap(({ declarations }) => declarations)
    return { name, doc: DocComment.merge(own.doc, header), declarations }
  }
  const local = nodes(list?.node.specifiers).find(({ exported }) => nameOf(exported) === name)?.local
  const origin = from === undefined ? module.imports.get(nameOf(local)) : { from, imported: nameOf(local) }
  if (origin === undefined || !origin.from.startsWith(".")) throw new Error(`${source}: where is ${name} declared?`)
  const target = read(reached, posix.join(posix.dirname(source), origin.from), origin.imported)
  return { ...target, name, doc: DocComment.merge(own.doc, target.doc) }
}

const entry = (name: string, source: string, module: Declared, statements: ReadonlyArray<Statement>): Entry => ({
  name,
  doc: statements.map(({ node }) => docOf(module, node)).reduce(DocComment.merge),
  declarations: statements.map((statement) => ({ source, module, statement }))
})

/** Exports that declare nothing themselves. */
const isList = (node: Node): boolean => node.type === "ExportAllDeclaration" || nodes(node.specifiers).length > 0

const nameOf = (node: unknown): string => (isNode(node) ? String(node.name ?? node.value) : "")

/** The doc comment that ends where a node begins. */
const docOf = ({ comments, text }: Declared, node: Node): DocComment.DocComment => {
  const comment = comments.findLast(
    ({ end, type, value }) =>
      type === "Block" && value.startsWith("*") && end <= node.start && text.slice(end, node.start).trim() === ""
  )
  return DocComment.parse(DocComment.unmark(comment?.value.slice(1) ?? ""))
}
