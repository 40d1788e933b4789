// The tables of pages that say what this library has for something: a function of another one, or a step of the flow.
import { readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import * as effect from "effect"
import * as http from "effect/http"
import { isNode, type Node, read, walk } from "../scripts/source.ts"
import { type Citation, readCitations } from "./CitedTests.ts"

const root = resolve(import.meta.dirname, "..")

const nameOf = (node: unknown): string => (isNode(node) ? String(node.name ?? node.value) : "")

/** The exported declarations of a module, by name. */
export const declarationsIn = (program: Node): ReadonlyMap<string, Node> => {
  const found = new Map<string, Node>()
  for (const statement of Array.isArray(program.body) ? program.body.filter(isNode) : []) {
    const { declaration } = statement
    if (statement.type !== "ExportNamedDeclaration" || !isNode(declaration)) continue
    const parts = Array.isArray(declaration.declarations) ? declaration.declarations : [declaration]
    for (const part of parts.filter(isNode)) found.set(nameOf(part.id), declaration)
  }
  return found
}

/** The members of an interface or of a class's type, without those under a symbol. */
export const members = (declaration: Node): ReadonlyArray<string> => {
  const found: Array<string> = []
  walk(declaration, (node) => {
    if ((node.type === "TSPropertySignature" || node.type === "TSMethodSignature") && node.computed !== true) {
      found.push(nameOf(node.key))
    }
    return undefined
  })
  return found
}

export interface Row {
  readonly theirs: ReadonlyArray<string>
  readonly ours: ReadonlyArray<string>
  readonly tests: ReadonlyArray<Citation>
}

const spans = (cell: string): ReadonlyArray<string> => [...cell.matchAll(/`([^`]+)`/g)].map(([, span = ""]) => span)

/** The rows of the page's tables, below the name of the other library. */
export const readRows = (page: string, library: string): ReadonlyArray<Row> =>
  readFileSync(join(root, page), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith(`| ${library} `) && !line.startsWith("| ---"))
    .map((text) => {
      const [, left = "", ours = "", test = ""] = text.split("|")
      return {
        theirs: spans(left),
        ours: spans(ours),
        tests: readCitations(test)
      }
    })

const modules = new Map(
  [
    ...readFileSync(join(root, "packages/core/src/index.ts"), "utf8").matchAll(/export \* as (\w+) from "\.\/(.+)"/g)
  ].map(([, module = "", path = ""]) => [module, `packages/core/src/${path}`] as const)
)

/** The declaration of an export, also of one that is re-exported. */
const findExport = (path: string, exported: string): Node | undefined => {
  const { program } = read(root, path)
  const statements = Array.isArray(program.body) ? program.body.filter(isNode) : []
  const reexport = statements.find(
    ({ source, specifiers, type }) =>
      type === "ExportNamedDeclaration" &&
      isNode(source) &&
      Array.isArray(specifiers) &&
      specifiers.some((specifier) => isNode(specifier) && nameOf(specifier.exported) === exported)
  )
  return isNode(reexport?.source)
    ? findExport(join(dirname(path), String(reexport.source.value)), exported)
    : declarationsIn(program).get(exported)
}

const ofEffect: Readonly<Record<string, object>> = { ...effect, ...http }

/** The problem of a name of ours or of Effect: `Module.export` or `Module.export.member`. */
const problemOf = (cited: string): string | undefined => {
  const [module = "", exported = "", member] = cited.split(".")
  const path = modules.get(module)
  if (path === undefined) return exported in (ofEffect[module] ?? {}) ? undefined : `there is no ${cited}`
  const declaration = findExport(path, exported)
  if (declaration === undefined) return `there is no ${cited}`
  return member === undefined || members(declaration).includes(member) ? undefined : `${exported} has no ${member}`
}

/** The problems of the names that the rows give for this library. */
export const problemsOf = (rows: ReadonlyArray<Row>): ReadonlyArray<string> =>
  rows.flatMap((row) =>
    row.ours.filter((span) => /^[A-Z]\w+(\.\w+){1,2}$/.test(span)).flatMap((span) => problemOf(span) ?? [])
  )
