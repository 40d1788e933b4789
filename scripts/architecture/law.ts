// The house law for a single file of packages/*/src.
import { posix } from "node:path"
import { at, type Finding } from "../Finding.ts"
import { findAll, functionOf, isFunction, isNode, lineAt, type Node, name, nodes, type Source } from "../source.ts"

const smell = 400
const limit = 500
const functionLimit = 60
const vague = new Set(["utils", "helpers", "types", "shared", "constants"])

const impure: Record<string, string> = {
  "Date.now": "Take the time from Clock",
  "performance.now": "Take the time from Clock",
  "Math.random": "Take randomness from an injected service",
  "JSON.parse": "Decode with Schema"
}

const timers = new Set(["setTimeout", "setInterval", "setImmediate"])

const isConst = (type: unknown): boolean =>
  isNode(type) && type.type === "TSTypeReference" && name(type.typeName) === "const"

type Broken = readonly [rule: string, problem: string, mend: string]

const breach = (node: Node): Broken | undefined => {
  switch (node.type) {
    case "TSAnyKeyword":
      return ["any", "the type any", "Write the type, or unknown and decode it"]
    case "TSAsExpression":
    case "TSTypeAssertion":
      return isConst(node.typeAnnotation)
        ? undefined
        : ["as", "a cast", "Let the type follow from Schema, a guard or satisfies"]
    case "TSNonNullExpression":
      return ["non-null", "a non-null assertion", "Handle the missing value"]
    case "PropertyDefinition":
    case "VariableDeclarator":
      return node.definite === true ? ["non-null", "a definite assignment", "Initialize it"] : undefined
    case "MemberExpression": {
      const member = name(node)?.replace(/^globalThis\./, "") ?? ""
      return Object.hasOwn(impure, member) ? ["impure", member, impure[member] ?? ""] : undefined
    }
    case "CallExpression": {
      const callee = name(node.callee)?.replace(/^globalThis\./, "") ?? ""
      if (timers.has(callee)) return ["impure", callee, "Wait with Effect.sleep or a Schedule"]
      return callee === "Date" ? ["impure", "Date()", "Take the time from Clock"] : undefined
    }
    case "NewExpression":
      return name(node.callee) === "Date" && nodes(node.arguments).length === 0
        ? ["impure", "new Date()", "Take the time from Clock"]
        : undefined
    case "ThrowStatement":
      return ["throw", "a throw", "Fail with a typed error"]
    case "AwaitExpression":
      return ["async", "an await", "Use Effect.tryPromise and yield*"]
    default:
      return node.async === true || (node.type === "ForOfStatement" && node.await === true)
        ? ["async", "an async function", "Return an Effect"]
        : undefined
  }
}

const hasReturnType = (node: Node): boolean => isNode(node.returnType)

const isTyped = ({ id, init }: Node): boolean => {
  if (isNode(id) && isNode(id.typeAnnotation)) return true
  const initial = functionOf(init)
  return initial !== undefined && hasReturnType(initial)
}

const findUntyped = (source: Source): ReadonlyArray<Finding> => {
  const statements = nodes(source.program.body)
  const exported = new Set(
    statements
      .filter((node) => node.type === "ExportNamedDeclaration" && !isNode(node.source))
      .flatMap((node) => nodes(node.specifiers))
      .map(({ local }) => name(local))
  )
  const check = (node: Node, named: (id: unknown) => boolean): ReadonlyArray<Finding> => {
    const add = (problem: string) =>
      at(source, node, "export-type", problem, "Write the type, so that inference never changes the public API")
    if (node.type === "FunctionDeclaration") {
      return named(node.id) && !hasReturnType(node)
        ? [add(`the exported function ${name(node.id)} has no return type`)]
        : []
    }
    if (node.type !== "VariableDeclaration") return []
    return nodes(node.declarations)
      .filter((declarator) => named(declarator.id) && !isTyped(declarator))
      .map((declarator) => add(`the exported const ${name(declarator.id)} has no type`))
  }
  return statements.flatMap((node) =>
    node.type.startsWith("Export") && isNode(node.declaration)
      ? check(node.declaration, () => true)
      : check(node, (id) => exported.has(name(id)))
  )
}

const findSuppressed = (source: Source): ReadonlyArray<Finding> =>
  source.comments
    .filter((comment) => /@ts-(ignore|expect-error|nocheck)|biome-ignore/.test(comment.value))
    .map((comment) => at(source, comment, "suppressed", "a suppressed check", "Mend what the check says"))

const shape = (source: Source): ReadonlyArray<Finding> => {
  const lines = source.text.trimEnd().split("\n").length
  const findings: Array<Finding> = []
  if (lines > smell) {
    const split = "Split it: a file is one concept"
    const problem = `${lines} lines, the limit is ${limit}`
    findings.push({ path: source.path, line: smell, rule: "length", problem, mend: split, warning: lines <= limit })
  }
  for (const part of source.path.split("/").slice(3)) {
    if (vague.has(posix.basename(part, ".ts").toLowerCase())) {
      findings.push(at(source, source.program, "name", `"${part}" names no concept`, "Name the file after its concept"))
    }
  }
  return findings
}

/** Functions that have too many lines, from the first to the last. */
const findLong = (source: Source): ReadonlyArray<Finding> =>
  findAll(source.program, (node) => {
    if (!isFunction(node)) return undefined
    const lines = lineAt(source.text, node.end) - lineAt(source.text, node.start) + 1
    if (lines <= functionLimit) return undefined
    const problem = `a function of ${lines} lines, the limit is ${functionLimit}`
    return at(source, node, "function-length", problem, "Move a step of it into a function with a name of its own")
  })

export const check = (source: Source): ReadonlyArray<Finding> => [
  ...findAll(source.program, (node) => {
    const found = breach(node)
    return found && at(source, node, ...found)
  }),
  ...findUntyped(source),
  ...findSuppressed(source),
  ...findLong(source),
  ...shape(source)
]
