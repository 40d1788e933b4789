// The public modules are a closed list; each export has @since and @stability, each module a header, and each is used.
import { existsSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { collect, extract } from "../doc-examples.ts"
import { at, type Finding } from "../Finding.ts"
import { isNode, lineAt, list, moduleOf, type Node, nodes, parse, read, type Source, walk } from "../source.ts"
import { isWildcard, listSubpaths, type PublicModule, type PublicPackage } from "./PublicModules.ts"

/** Those under `unstable/` are for the other packages, and do not count. */
const most = 49

/** Entries of their own: with them in the index, each program would load `effect/http-api` or `effect/workflow`. */
const separate: ReadonlySet<string> = new Set([
  "@effect-ciba/durable/ApprovalsApi",
  "@effect-ciba/durable/ApprovalsApiError",
  "@effect-ciba/durable/ApprovalWorkflow"
])

export const check = (root: string, packages: ReadonlyArray<PublicPackage>): ReadonlyArray<Finding> => {
  const used = uses(root, packages)
  return packages.flatMap((each) => [
    ...maps(root, each),
    ...index(root, each),
    ...each.modules.flatMap((module) => {
      if (!existsSync(join(root, module.source))) return []
      const source = read(root, module.source)
      return [...tags(source), ...header(source), ...findUnused(used, module)]
    })
  ])
}

const maps = (root: string, { exports, folder, modules, published }: PublicPackage): ReadonlyArray<Finding> => {
  const path = `packages/${folder}/package.json`
  const text = readFileSync(join(root, path), "utf8")
  const finding = (key: string, problem: string, mend: string): Finding => {
    return { path, line: lineAt(text, Math.max(0, text.indexOf(`"${key}"`))), rule: "exports", problem, mend }
  }
  const targets = listSubpaths(exports)
  const listed = modules.filter(({ subpath }) => !subpath.startsWith("unstable/"))
  const wildcards = [...new Set([...Object.keys(exports), ...Object.keys(published)].filter(isWildcard))]
  return [
    ...wildcards.map((key) =>
      finding(key, `exports has a wildcard, "${key}"`, "Name each public module: what is not named is out of reach")
    ),
    ...(listed.length > most
      ? [
          finding(
            "exports",
            `${listed.length} public modules, the limit is ${most}`,
            "Make internal what no caller needs"
          )
        ]
      : []),
    ...targets.flatMap(([subpath, target]) => {
      if (typeof target !== "string" || !/^\.\/src\/.+\.ts$/.test(target)) {
        return [finding(`./${subpath}`, `"./${subpath}" leads to no file of src`, `Write "./src/….ts"`)]
      }
      return existsSync(join(root, "packages", folder, target))
        ? []
        : [finding(`./${subpath}`, `${target} is missing`, "Correct the path, or take the line out")]
    }),
    ...differs(exports, published).map((key) =>
      finding(
        "publishConfig",
        `publishConfig.exports["${key}"] is not what exports["${key}"] says`,
        `Write { "types": "./dist/….d.ts", "default": "./dist/….js" } for "./src/….ts", and keep the keys the same`
      )
    )
  ]
}

const twin = (target: unknown): unknown => {
  const dist = typeof target === "string" ? target.replace("./src/", "./dist/").replace(/\.ts$/, "") : target
  return dist === target ? target : { types: `${dist}.d.ts`, default: `${dist}.js` }
}

const differs = (exports: PublicPackage["exports"], published: PublicPackage["published"]): ReadonlyArray<string> =>
  [...new Set([...Object.keys(exports), ...Object.keys(published)])].filter(
    (key) => JSON.stringify(twin(exports[key])) !== JSON.stringify(published[key])
  )

/**
 * `.` exports the modules of the list, each under its name, without those under `unstable/`, the `separate` ones, and those that import an optional
 * peer: every program would need it.
 */
const index = (
  root: string,
  { exports, folder, modules, name, optionalPeers }: PublicPackage
): ReadonlyArray<Finding> => {
  const main = exports["."]
  const path = posix.join("packages", folder, String(main))
  if (typeof main !== "string" || !existsSync(join(root, path))) {
    const mend = 'Write "./src/index.ts": it is what most programs import'
    return [{ path: `packages/${folder}/package.json`, line: 1, rule: "index", problem: 'no file for "."', mend }]
  }
  const source = read(root, path)
  const isOptional = (path: string) =>
    existsSync(join(root, path)) &&
    statements(read(root, path)).some((node) => optionalPeers.includes(moduleOf(node) ?? ""))
  const wanted = new Map(
    modules
      .filter(
        ({ name, source, subpath }) => !subpath.startsWith("unstable/") && !separate.has(name) && !isOptional(source)
      )
      .map((each) => [each.source, each])
  )
  const findings: Array<Finding> = []
  const add = (node: Pick<Node, "start">, problem: string, mend: string) =>
    findings.push(at(source, node, "index", problem, mend))
  for (const node of statements(source)) {
    const from = moduleOf(node) ?? ""
    const target = posix.join(posix.dirname(path), from)
    const module = wanted.get(target)
    const called = isNode(node.exported) ? String(node.exported.name) : undefined
    if (node.type !== "ExportAllDeclaration" || called === undefined) {
      add(node, `${name} exports more than modules`, 'Write export * as Name from "./….ts", and nothing else')
    } else if (module === undefined) {
      add(
        node,
        `${called} is not in the exports of package.json`,
        `List "./${called}" there, or take the line out: also of what imports an optional peer`
      )
    } else if (posix.basename(module.subpath) !== called) {
      add(node, `${called} is listed as "./${module.subpath}"`, "Give it one name")
    }
    wanted.delete(target)
  }
  for (const { source: file, subpath } of wanted.values()) {
    const line = `export * as ${posix.basename(subpath)} from "./${posix.relative(posix.dirname(path), file)}"`
    add({ start: 0 }, `"./${subpath}" is in the exports of package.json, and not here`, `Write ${line}`)
  }
  return findings
}

const statements = ({ program }: Source): ReadonlyArray<Node> => nodes(program.body)

const nameOf = (node: unknown): string => (isNode(node) ? String(node.name ?? node.value) : "")

/** The doc comment that ends where a node begins. */
const docOf = ({ comments, text }: Source, node: Node, from: number): string | undefined =>
  comments.findLast(
    ({ end, start, type, value }) =>
      type === "Block" &&
      value.startsWith("*") &&
      start >= from &&
      end <= node.start &&
      text.slice(end, node.start).trim() === ""
  )?.value

const declaredNames = (node: Node): ReadonlyArray<string> => {
  const declaration = isNode(node.declaration) ? node.declaration : node
  const declarators = Array.isArray(declaration.declarations) ? nodes(declaration.declarations) : [declaration]
  return declarators.map(({ id }) => nameOf(id))
}

/** The exports of a module with their doc comments, of which the header is none. */
const exportsWithDoc = (source: Source): ReadonlyArray<{ node: Node; name: string; doc: string | undefined }> => {
  const body = statements(source)
  const from = headerOf(source)?.end ?? 0
  return body.flatMap((node) => {
    const doc = docOf(source, node, from)
    if (node.type === "ExportAllDeclaration") return [{ node, name: nameOf(node.exported) || "*", doc }]
    if (node.type !== "ExportNamedDeclaration") return []
    if (isNode(node.declaration)) return declaredNames(node).map((name) => ({ node, name, doc }))
    return nodes(node.specifiers).map((specifier) => {
      const local = body.find(
        (each) => !each.type.startsWith("Import") && declaredNames(each).includes(nameOf(specifier.local))
      )
      const own = docOf(source, specifier, node.start) ?? doc
      return { node, name: nameOf(specifier.exported), doc: own ?? (local && docOf(source, local, from)) }
    })
  })
}

const rules: ReadonlyArray<readonly [tag: string, valid: RegExp, mend: string]> = [
  ["@since", /@since \d+\.\d+\.\d+\s*$/m, "Write the release that first has it: @since 0.1.0"],
  ["@stability", /@stability (stable|unstable)\s*$/m, "Write @stability stable, or @stability unstable"]
]

const tags = (source: Source): ReadonlyArray<Finding> => {
  const all = exportsWithDoc(source)
  return rules.flatMap(([tag, valid, mend]) => {
    const [first, ...rest] = all.filter(({ doc = "" }) => !valid.test(doc))
    if (first === undefined) return []
    return [
      at(source, first.node, "doc-tags", `no ${tag}: ${[first, ...rest].map(({ name }) => name).join(", ")}`, mend)
    ]
  })
}

/** The comment at the top, unless it is the doc comment of the first statement. */
const headerOf = (source: Source) => {
  const [first, second] = source.comments
  const body = statements(source)[0]
  if (first === undefined || body === undefined || !first.value.startsWith("*") || first.end > body.start)
    return undefined
  if (source.text.slice(0, first.start).trim() !== "") return undefined
  const isOwn = body.type === "ImportDeclaration" || (second !== undefined && second.end <= body.start)
  return isOwn ? first : undefined
}

const header = (source: Source): ReadonlyArray<Finding> => {
  const comment = headerOf(source)
  const finding = (problem: string) =>
    at(
      source,
      { start: 0 },
      "header",
      problem,
      "Begin with a doc comment: what it is, when to use it, and a ts fence that runs"
    )
  if (comment === undefined) return [finding("the module has no header")]
  const examples = extract(source.path, source.text.slice(0, comment.end))
  return examples.some(({ run }) => run) ? [] : [finding("the header has no example that runs")]
}

/** The files that import each public module, by its name and by its source file. */
const uses = (root: string, packages: ReadonlyArray<PublicPackage>): ReadonlyMap<string, ReadonlySet<string>> => {
  const found = new Map<string, Set<string>>()
  const add = (name: string, path: string) => found.set(name, (found.get(name) ?? new Set()).add(path))
  const roots = new Set(packages.map(({ name }) => name))
  const visit = (path: string, source: Source) =>
    walk(source.program, (node) => {
      const from = moduleOf(node)
      if (from === undefined) return undefined
      add(from.startsWith(".") ? posix.join(posix.dirname(path), from) : from, path)
      const specifiers = roots.has(from) ? nodes(node.specifiers) : []
      for (const each of specifiers) add(`${from}/${nameOf(each.imported ?? each.local)}`, path)
      return undefined
    })
  const files = [
    ...list(root, "packages", /^packages\/[^/]+\/test\/.*\.ts$/),
    ...["docs", "e2e", "examples"].flatMap((folder) => list(root, folder, /\.ts$/))
  ]
  for (const path of files) visit(path, read(root, path))
  for (const { code, path } of collect(root)) visit(path, parse(path.replace(/\.md$/, ".ts"), code))
  return found
}

const findUnused = (used: ReadonlyMap<string, ReadonlySet<string>>, { name, source, subpath }: PublicModule) => {
  const inOne = `${name.slice(0, -subpath.length)}${posix.basename(subpath)}`
  const where = [name, inOne, source].flatMap((each) => [...(used.get(each) ?? [])]).filter((path) => path !== source)
  const mend = `Show ${subpath} in a test, an example or a document; or make it internal`
  const problem = `no test, example or document imports ${name}`
  return where.length > 0 ? [] : [{ path: source, line: 1, rule: "unused", problem, mend }]
}
