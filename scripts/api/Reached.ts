// Which declarations a caller's compiler can reach: from what the public modules export, through imports, to internal ones.
import { existsSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { type Comment, parseSync } from "oxc-parser"
import { children, findAll, isNode, moduleOf, type Node, nodes, walk } from "../source.ts"

interface Import {
  readonly from: string
  /** `*` for the namespace. */
  readonly imported: string
}

export interface Declared {
  readonly text: string
  readonly comments: ReadonlyArray<Comment>
  readonly imports: ReadonlyMap<string, Import>
  readonly statements: ReadonlyArray<Statement>
}

export interface Statement {
  readonly node: Node
  readonly names: ReadonlyArray<string>
  readonly exported: boolean
}

const declarationPath = (source: string): string => source.replace("/src/", "/dist/").replace(/\.ts$/, ".d.ts")

const nameOf = (node: unknown): string | undefined => {
  if (!isNode(node)) return undefined
  if (node.type === "TSQualifiedName") return nameOf(node.left)
  return String(node.name ?? node.value)
}

const namesOf = (declaration: Node): ReadonlyArray<string> =>
  (declaration.type === "VariableDeclaration" ? nodes(declaration.declarations) : [declaration]).flatMap(
    ({ id }) => nameOf(id) ?? []
  )

const statement = (node: Node): ReadonlyArray<Statement> => {
  if (node.type === "ImportDeclaration") return []
  if (!node.type.startsWith("Export")) return [{ node, names: namesOf(node), exported: false }]
  if (isNode(node.declaration)) return [{ node, names: namesOf(node.declaration), exported: true }]
  const names = node.type === "ExportAllDeclaration" ? [nameOf(node.exported) ?? "*"] : exportedNames(node)
  return names.length === 0 ? [] : [{ node, names, exported: true }]
}

const exportedNames = (node: Node): ReadonlyArray<string> =>
  nodes(node.specifiers).flatMap(({ exported }) => nameOf(exported) ?? [])

const load = (root: string, source: string): Declared => {
  const path = declarationPath(source)
  if (!existsSync(join(root, path))) throw new Error(`${path} is missing: does ${source} exist, and compile?`)
  const text = readFileSync(join(root, path), "utf8")
  const { comments, errors, program } = parseSync(path, text, { preserveParens: true, sourceType: "module" })
  if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`)
  const body = nodes((program as unknown as Node).body)
  const imports = body.flatMap((node) =>
    node.type !== "ImportDeclaration"
      ? []
      : nodes(node.specifiers).map((specifier): readonly [string, Import] => {
          const imported =
            specifier.type === "ImportNamespaceSpecifier" ? "*" : (nameOf(specifier.imported) ?? "default")
          return [nameOf(specifier.local) ?? "", { from: moduleOf(node) ?? "", imported }]
        })
  )
  return { text, comments, imports: new Map(imports), statements: body.flatMap(statement) }
}

/** The names that a statement refers to; `name.member` for a member of a namespace. */
export const references = (root: Node): ReadonlySet<string> => {
  const found = new Set<string>()
  walk(root, (node) => {
    if (node.type === "TSQualifiedName" || node.type === "MemberExpression") {
      const [left, right] = [node.left ?? node.object, node.right ?? node.property]
      if (isNode(left) && left.type === "Identifier") {
        found.add(`${left.name}.${nameOf(right)}`)
        return false
      }
    }
    if (/Property|Method/.test(node.type) && node.computed !== true) {
      for (const child of children(node)) if (child !== node.key) for (const name of references(child)) found.add(name)
      return false
    }
    if (node.type === "Identifier") found.add(String(node.name))
    return undefined
  })
  return found
}

/** The modules named by `import("…")` types, each with the imported name. */
const inlineImports = (root: Node): ReadonlyArray<Import> =>
  findAll(root, (node) =>
    node.type === "TSImportType" ? { from: moduleOf(node) ?? "", imported: nameOf(node.qualifier) ?? "*" } : undefined
  )

export class Reached {
  readonly modules = new Map<string, { readonly module: Declared; readonly kept: Set<Statement> }>()
  readonly root: string
  /** Modules that are not followed into. */
  readonly ends: ReadonlySet<string>

  constructor(root: string, ends: ReadonlySet<string> = new Set()) {
    this.root = root
    this.ends = ends
  }

  open(source: string) {
    const entry = this.modules.get(source) ?? { module: load(this.root, source), kept: new Set<Statement>() }
    this.modules.set(source, entry)
    return entry
  }

  takeExports(source: string): void {
    this.take(source, "*")
  }

  take(source: string, name: string): void {
    for (const each of this.open(source).module.statements) {
      if (name === "*" ? each.exported : each.names.includes(name) || each.names.includes("*")) this.keep(source, each)
    }
  }

  follow(source: string, { from, imported }: Import): void {
    const target = posix.join(posix.dirname(source), from)
    if (from.startsWith(".") && !this.ends.has(target)) this.take(target, imported)
  }

  keep(source: string, { exported, names, node }: Statement): void {
    const { kept, module } = this.open(source)
    const own = module.statements.find((each) => each.node === node)
    if (own === undefined || kept.has(own)) return
    kept.add(own)
    const from = exported ? moduleOf(node) : undefined
    if (from !== undefined) {
      const wanted =
        node.type === "ExportAllDeclaration" ? ["*"] : nodes(node.specifiers).map(({ local }) => nameOf(local))
      for (const name of wanted) this.follow(source, { from, imported: name ?? "*" })
      return
    }
    for (const each of inlineImports(node)) this.follow(source, each)
    for (const reference of references(node)) {
      const [name = "", member = "*"] = reference.split(".")
      const used = module.imports.get(name)
      if (used !== undefined) this.follow(source, used.imported === "*" ? { ...used, imported: member } : used)
      else if (!names.includes(name)) this.take(source, name)
    }
  }
}
