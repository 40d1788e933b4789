// A function is named by what it does, in the imperative: decrypt, and not decrypted.
import { at, type Finding } from "../Finding.ts"
import { findAll, functionOf, isNode, type Node, name, type Source, typeOf } from "../source.ts"

// Where the imperative is spelled alike (read, set, run, become), the word is let through.
const irregular = new Set(
  `agreed begun bent bitten blown born borne bought bound broken brought built burnt caught chosen dealt done drawn driven drunk
  eaten fallen fed felt flown forbidden forgotten found freed frozen given gone grown guaranteed heard held hidden kept known laid learnt
  led lent lost made meant met paid proven ridden risen rung said seen sent shaken shown sold sought spent spoken stolen
  struck stuck sung sunk sworn taken taught thought thrown told torn understood undone withheld woken won worn written`.split(
    /\s+/
  )
)

const notParticiples = new Set(["embed", "hundred", "shred", "sled", "unembed"])

/** With these beside it a participle is still what the name says; with a noun it describes that: signedRequest. */
const particles = new Set(
  `again all apart as at away back by down for from in into it of off on once or not out over them then through to under
  up with within without yet`.split(/\s+/)
)

// Names that are not ours to choose.
const exceptions: Record<string, string> = {
  scoped: "Effect's word for what lives as long as a scope"
}

const isParticiple = (word: string): boolean =>
  irregular.has(word) || (/[^e]ed$/.test(word) && word.length > 3 && !notParticiples.has(word))

const wordsOf = (named: string): ReadonlyArray<string> =>
  named.split(/(?=[A-Z])|_|\d+/).map((word) => word.toLowerCase())

/** `on` in front makes it a listener: onClosed. A capital makes it the name of a type, or of one case of a union. */
const isOffending = (named: string): boolean => {
  const words = wordsOf(named.replace(/^[$_]+/, ""))
  return (
    !Object.hasOwn(exceptions, named) &&
    !/^[A-Z]/.test(named) &&
    words[0] !== "on" &&
    words.some(isParticiple) &&
    words.every((word) => isParticiple(word) || particles.has(word))
  )
}

const functionName = (node: Node): unknown => {
  switch (node.type) {
    case "FunctionDeclaration":
      return node.id
    case "VariableDeclarator":
      return functionOf(node.init) !== undefined || isFunctionType(node.id) ? node.id : undefined
    case "MethodDefinition":
    case "TSMethodSignature":
      return node.computed === true || node.kind !== "method" ? undefined : node.key
    case "Property":
    case "PropertyDefinition":
      return node.computed === true || functionOf(node.value) === undefined ? undefined : node.key
    case "TSPropertySignature":
      return node.computed !== true && isFunctionType(node) ? node.key : undefined
    default:
      return undefined
  }
}

const isFunctionType = (node: unknown): boolean => typeOf(node)?.type === "TSFunctionType"

export const check = (source: Source): ReadonlyArray<Finding> =>
  findAll(source.program, (node) => {
    const id = functionName(node)
    const word = name(id)
    if (!isNode(id) || word === undefined || !isOffending(word)) return undefined
    const problem = `the function ${word} is named by a participle, which reads as a value`
    return at(source, id, "participle", problem, "Name it by a verb in the imperative: decrypt, persist, reject")
  })
