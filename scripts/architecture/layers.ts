// Finds layers of packages/*/src that are constants, since Effect memoizes layers by reference.
import { at, type Finding } from "../Finding.ts"
import { functionOf, isNode, type Node, name, type Source } from "../source.ts"

const problem = (named: string): string =>
  `${named} is one layer for every client: Effect memoizes layers by reference, and a second client in the same program would get the first one's`

const mend =
  "Make it a function that returns the layer; if they are meant to have the same one, write in its doc comment: shared between clients"

const list = (value: unknown): ReadonlyArray<Node> => (Array.isArray(value) ? value.filter(isNode) : [])

const annotation = (id: Node): Node | undefined => {
  const type = isNode(id.typeAnnotation) ? id.typeAnnotation.typeAnnotation : undefined
  return isNode(type) ? type : undefined
}

const isLayerType = (type: Node | undefined): boolean =>
  type?.type === "TSTypeReference" && name(type.typeName) === "Layer.Layer"

const startsWith = (node: unknown, module: string): boolean => {
  if (!isNode(node)) return false
  return node.type === "CallExpression"
    ? startsWith(node.callee, module)
    : node.type === "MemberExpression" && (name(node.object) === module || startsWith(node.object, module))
}

// The result of Layer.build and the like is no layer; nor is that of a pipe whose last function is of another module.
const isLayer = (init: unknown): boolean => {
  if (!startsWith(init, "Layer") || !isNode(init) || init.type !== "CallExpression" || !isNode(init.callee))
    return false
  if (/^Layer\.(build|is|launch|makeMemoMap)/.test(name(init.callee) ?? "")) return false
  const last = name(init.callee.property) === "pipe" ? list(init.arguments).at(-1) : undefined
  return last === undefined || startsWith(last, "Layer")
}

interface Constant {
  /** The end of its doc comment. */
  readonly start: number
  readonly id: Node
  readonly init: Node
  readonly exported: boolean
}

const constants = (statement: Node): ReadonlyArray<Constant> => {
  const exported = statement.type.startsWith("Export")
  const declaration = exported && isNode(statement.declaration) ? statement.declaration : statement
  if (declaration.type === "VariableDeclaration") {
    return list(declaration.declarations).flatMap(({ id, init }) =>
      isNode(id) && isNode(init) ? [{ start: statement.start, id, init, exported }] : []
    )
  }
  if (declaration.type !== "ClassDeclaration" || !isNode(declaration.body)) return []
  return list(declaration.body.body).flatMap((member) =>
    member.type === "PropertyDefinition" && member.static === true && isNode(member.key) && isNode(member.value)
      ? [
          {
            start: member.start,
            id: { ...member.key, typeAnnotation: member.typeAnnotation },
            init: member.value,
            exported
          }
        ]
      : []
  )
}

const isConstantLayer = ({ exported, id, init }: Constant): boolean => {
  const type = annotation(id)
  if (functionOf(init) !== undefined || type?.type === "TSFunctionType") return false
  return (exported && /^layer(?![a-z])/.test(name(id) ?? "")) || isLayerType(type) || isLayer(init)
}

const saysShared = (comment: string): boolean =>
  comment
    .replaceAll(/^\s*\*/gm, "")
    .split(/[.|]/)
    .some((sentence) => /\bshare[sd]?\b/i.test(sentence) && /\bclients\b|\b(each|every)\s+client\b/i.test(sentence))

const isShared = ({ comments, text }: Source, { start }: Constant): boolean =>
  comments.some(
    ({ end, type, value }) =>
      type === "Block" && value.startsWith("*") && text.slice(end, start).trim() === "" && saysShared(value)
  )

export const check = (source: Source): ReadonlyArray<Finding> =>
  list(source.program.body)
    .flatMap(constants)
    .filter((constant) => isConstantLayer(constant) && !isShared(source, constant))
    .map(({ id }) => at(source, id, "constant-layer", problem(name(id) ?? "it"), mend))
