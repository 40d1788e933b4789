// A TypeScript file as a syntax tree, with helpers of the checks.
import { readdirSync, readFileSync } from "node:fs"
import { join, relative, sep } from "node:path"
import { type Comment, parseSync } from "oxc-parser"

export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

export interface Source {
  /** Relative to the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly program: Node
  readonly comments: ReadonlyArray<Comment>
}

export const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

/** The nodes of a list, such as `body`, `specifiers` or `declarations`; empty if it is no list. */
export const nodes = (value: unknown): ReadonlyArray<Node> => (Array.isArray(value) ? value.filter(isNode) : [])

export const children = (node: Node): ReadonlyArray<Node> => Object.values(node).flat().filter(isNode)

/** Visits depth first; a visitor that returns `false` skips the node's children. Every check walks through every file. */
export const walk = (node: Node, visit: (node: Node) => boolean | undefined): void => {
  if (visit(node) === false) return
  for (const key in node) {
    const value = node[key]
    if (isNode(value)) walk(value, visit)
    else if (Array.isArray(value)) for (const child of value) if (isNode(child)) walk(child, visit)
  }
}

/** What `pick` finds in a node and in everything below it. */
export const findAll = <A>(node: Node, pick: (node: Node) => A | undefined): ReadonlyArray<A> => {
  const found: Array<A> = []
  walk(node, (each) => {
    const picked = pick(each)
    if (picked !== undefined) found.push(picked)
    return undefined
  })
  return found
}

/** `a`, `a.b` or `a.b.c`, of an expression or of a type. */
export const name = (node: unknown): string | undefined => {
  if (!isNode(node)) return undefined
  if (node.type === "Identifier" || node.type === "PrivateIdentifier") return String(node.name)
  if (node.type === "MemberExpression") return `${name(node.object)}.${name(node.property)}`
  if (node.type === "TSQualifiedName") return `${name(node.left)}.${name(node.right)}`
  return undefined
}

/** The module that an import or an export names. */
export const moduleOf = ({ source }: Node): string | undefined =>
  isNode(source) && typeof source.value === "string" ? source.value : undefined

/** The type that is written after a name. */
export const typeOf = (node: unknown): Node | undefined => {
  const type = isNode(node) && isNode(node.typeAnnotation) ? node.typeAnnotation.typeAnnotation : undefined
  return isNode(type) ? type : undefined
}

const functions = new Set(["ArrowFunctionExpression", "FunctionExpression", "FunctionDeclaration"])

export const isFunction = (node: unknown): node is Node => isNode(node) && functions.has(node.type)

const isEffectFn = (callee: unknown): boolean =>
  isNode(callee) &&
  (callee.type === "CallExpression" ? isEffectFn(callee.callee) : /^Effect\.fn/.test(name(callee) ?? ""))

/** The function of an expression: the expression itself, or the argument of `Effect.fn("name")` and its variants. */
export const functionOf = (node: unknown): Node | undefined => {
  if (isFunction(node)) return node
  if (!isNode(node) || node.type !== "CallExpression" || !isEffectFn(node.callee)) return undefined
  return Array.isArray(node.arguments) ? node.arguments.find(isFunction) : undefined
}

export const lineAt = (text: string, offset: number): number => text.slice(0, offset).split("\n").length

export const parse = (path: string, text: string): Source => {
  const { comments, errors, program } = parseSync(path, text, { preserveParens: false, sourceType: "module" })
  const [error] = errors
  if (error !== undefined) {
    throw new Error(`${path}:${lineAt(text, error.labels[0]?.start ?? 0)}: ${error.message}`)
  }
  return { path, text, program: program as unknown as Node, comments }
}

const skipped = new Set(["node_modules", "dist"])

/** The files below a folder whose path passes the filter, sorted; empty if the folder does not exist. */
export const list = (
  root: string,
  folder: string,
  filter: RegExp,
  ignored: ReadonlySet<string> = skipped
): ReadonlyArray<string> => {
  const visit = (directory: string): ReadonlyArray<string> =>
    readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
      ignored.has(entry.name) || entry.name.startsWith(".")
        ? []
        : entry.isDirectory()
          ? visit(join(directory, entry.name))
          : [relative(root, join(directory, entry.name)).split(sep).join("/")]
    )
  try {
    return visit(join(root, folder))
      .filter((path) => filter.test(path))
      .sort()
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return []
    throw error
  }
}

export const read = (root: string, path: string): Source => parse(path, readFileSync(join(root, path), "utf8"))
