// Finds layers and state of packages/*/src that are constants, and so shared between clients: Effect memoizes layers by
// reference.
import { at, type Finding } from "../Finding.ts"
import {
  children,
  functionOf,
  isFunction,
  isNode,
  moduleOf,
  type Node,
  name,
  nodes,
  type Source,
  typeOf
} from "../source.ts"

const isLayerName = (text: string | undefined): boolean => /^layer(?![a-z])/.test(text ?? "")

// What Layer.build and the like return is no layer.
const isOther = (text: string | undefined): boolean => /^Layer\.(build|is|launch|makeMemoMap)/.test(text ?? "")

const startsWith = (node: unknown, isStart: (text: string | undefined) => boolean): boolean => {
  if (!isNode(node)) return false
  return node.type === "CallExpression"
    ? startsWith(node.callee, isStart)
    : node.type === "MemberExpression" && (isStart(name(node.object)) || startsWith(node.object, isStart))
}

/** The names under which a file has the modules that it imports, and effect's Layer among them. */
const importsOf = ({ program }: Source) => {
  const specifiers = nodes(program.body)
    .filter(({ type }) => type === "ImportDeclaration")
    .flatMap((statement) =>
      nodes(statement.specifiers).map((specifier) => ({
        from: moduleOf(statement),
        imported: name(specifier.imported),
        local: name(specifier.local) ?? ""
      }))
    )
  const isEffectLayer = ({ from, imported }: (typeof specifiers)[number]) =>
    from === "effect/Layer" || (from === "effect" && imported === "Layer")
  return {
    modules: new Set(specifiers.map(({ local }) => local)),
    layer: new Set(["Layer", ...specifiers.filter(isEffectLayer).map(({ local }) => local)])
  }
}

type Imports = ReturnType<typeof importsOf>

/** A call that gives a layer: one of Layer's functions, one that is named layer, and what is piped into Layer's last. */
const isLayerCall = (node: Node, imports: Imports): boolean => {
  if (node.type !== "CallExpression" || !isNode(node.callee)) return false
  const isLayerModule = (text: string | undefined) => text !== undefined && imports.layer.has(text)
  const callee = name(node.callee)
  if (name(node.callee.property) === "pipe") {
    const last = nodes(node.arguments).at(-1)
    return startsWith(last, isLayerModule) && !isOther(name(last))
  }
  if (node.callee.type === "Identifier") return isLayerModule(callee)
  return (startsWith(node.callee, isLayerModule) && !isOther(callee)) || isLayerName(name(node.callee.property))
}

const stateful = /\.(\w*[mM]akeUnsafe|makeMemoMap\w*)$|^Effect\.(run|cached)|^ManagedRuntime\.make$/

/** A call whose result changes, or remembers: an empty collection, a reference, a memoized effect. */
const isStateCall = (node: Node): boolean => {
  const called = name(node.callee) ?? ""
  return node.type === "NewExpression"
    ? /^(Weak)?(Map|Set)$/.test(called) && nodes(node.arguments).length === 0
    : node.type === "CallExpression" && stateful.test(called)
}

interface Constant {
  /** Where its doc comment ends. */
  readonly start: number
  readonly node: Node
  readonly id: Node | undefined
  readonly value: Node
  readonly exported: boolean
}

/** What is evaluated once, when the module is loaded. */
const constantsOf = (statement: Node): ReadonlyArray<Constant> => {
  const { start } = statement
  const exported = statement.type.startsWith("Export")
  const declaration = exported && isNode(statement.declaration) ? statement.declaration : statement
  if (declaration.type === "VariableDeclaration") {
    return nodes(declaration.declarations).flatMap(({ id, init }) =>
      isNode(id) && isNode(init) ? [{ start, node: id, id, value: init, exported }] : []
    )
  }
  if (declaration.type === "ClassDeclaration") {
    return nodes(isNode(declaration.body) ? declaration.body.body : []).flatMap((member): ReadonlyArray<Constant> => {
      if (member.type === "StaticBlock")
        return [{ start: member.start, node: member, id: undefined, value: member, exported }]
      if (member.static !== true || !isNode(member.key) || !isNode(member.value)) return []
      const id = { ...member.key, typeAnnotation: member.typeAnnotation }
      return [{ start: member.start, node: member.key, id, value: member.value, exported }]
    })
  }
  const isExpression = statement.type === "ExpressionStatement" || statement.type === "ExportDefaultDeclaration"
  return isExpression ? [{ start, node: statement, id: undefined, value: declaration, exported }] : []
}

/** Whether a call like this is among what an expression evaluates, functions that it only makes left out. */
const evaluates = (node: Node, isWanted: (node: Node) => boolean): boolean => {
  if (isWanted(node)) return true
  const called = node.type === "CallExpression" && isFunction(node.callee) ? children(node.callee) : []
  return [...called, ...children(node)].some((child) => !isFunction(child) && evaluates(child, isWanted))
}

const isLayerConstant = ({ exported, id, value }: Constant, imports: Imports): boolean => {
  const type = typeOf(id)
  if (type?.type === "TSFunctionType") return false
  return (
    (exported && isLayerName(name(id))) ||
    (type?.type === "TSTypeReference" && imports.layer.has(name(type.typeName)?.replace(/\.Layer$/, "") ?? "")) ||
    evaluates(value, (node) => isLayerCall(node, imports))
  )
}

const saysShared = (comment: string): boolean =>
  comment
    .replaceAll(/^\s*\*/gm, "")
    .split(/[.|]/)
    .some((sentence) => /\bshare[sd]?\b/i.test(sentence) && /\bclients\b|\b(each|every)\s+client\b/i.test(sentence))

const isShared = ({ comments, text }: Source, start: number): boolean =>
  comments.some(
    ({ end, type, value }) =>
      type === "Block" && value.startsWith("*") && text.slice(end, start).trim() === "" && saysShared(value)
  )

const byReference = (named: string): string =>
  `${named} is one layer for every client: Effect memoizes layers by reference, and a second client in the same program would get the first one's`

const findConstants = (source: Source, imports: Imports): ReadonlyArray<Finding> =>
  nodes(source.program.body)
    .flatMap(constantsOf)
    .filter(({ start, value }) => functionOf(value) === undefined && !isShared(source, start))
    .flatMap((constant) => {
      const named = name(constant.id) ?? "it"
      if (isLayerConstant(constant, imports)) {
        const mend =
          "Make it a function that returns the layer; if they are meant to have the same one, write in its doc comment: shared between clients"
        return [at(source, constant.node, "constant-layer", byReference(named), mend)]
      }
      if (!evaluates(constant.value, isStateCall)) return []
      const problem = `${named} is one state for every client`
      const mend =
        "Make it where the client is made; if they are meant to have the same one, write in its doc comment: shared between clients"
      return [at(source, constant.node, "constant-state", problem, mend)]
    })

/** Layers of other modules that are constants, such as `NodeHttpClient.layerUndiciNoDispatcher`. */
const findBorrowed = (source: Source, imports: Imports): ReadonlyArray<Finding> => {
  const visit = (node: Node, parent: Node): ReadonlyArray<Finding> => {
    const isBorrowed =
      node.type === "MemberExpression" &&
      imports.modules.has(name(node.object) ?? "") &&
      isLayerName(name(node.property)) &&
      parent.callee !== node &&
      name(parent.callee) !== "Layer.fresh"
    if (!isBorrowed) return children(node).flatMap((child) => visit(child, node))
    const mend =
      "Make it anew with Layer.fresh, or by the function that it was made by; if clients are meant to have the same one, write in the doc comment: shared between clients"
    return [at(source, node, "constant-layer", byReference(name(node) ?? "it"), mend)]
  }
  return nodes(source.program.body)
    .filter(({ start }) => !isShared(source, start))
    .flatMap((statement) => visit(statement, source.program))
}

export const check = (source: Source): ReadonlyArray<Finding> => {
  const imports = importsOf(source)
  return [...findConstants(source, imports), ...findBorrowed(source, imports)]
}
