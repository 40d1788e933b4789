// The public declarations of a package as one text, from the .d.ts files that the compiler emits.
//
// A text changes if and only if something changes that a caller's compiler can see: comments are left out, private
// members become the `#private` that makes a class nominal, declarations and members of unions are sorted, and the layout
// is Biome's. Of an internal module, the text has what a public declaration refers to, under the module's own name:
// moving its file changes nothing.
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, posix, resolve } from "node:path"
import { children, isNode, type Node, nodes } from "../source.ts"
import type { PublicPackage } from "./PublicModules.ts"
import { type Declared, Reached, references, type Statement } from "./Reached.ts"

const workspace = resolve(import.meta.dirname, "../..")

const isPrivate = (member: Node): boolean =>
  member.accessibility === "private" || (isNode(member.key) && member.key.type === "PrivateIdentifier")

const last = new Set(["null", "undefined"])

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const unionOrder = (a: string, b: string): number => Number(last.has(a)) - Number(last.has(b)) || compare(a, b)

/** A node's text without comments and private members, its unions sorted, its relative imports under public names. */
const print = (module: Declared, node: Node, rename: (from: string) => string): string => {
  if (node.type === "TSUnionType") {
    const types = nodes(node.types).map((type) => print(module, type, rename))
    return [...new Set(types)].sort(unionOrder).join(" | ")
  }
  if (node.type === "ClassBody") {
    const members = nodes(node.body)
    const shown = members.filter((member) => !isPrivate(member)).map((member) => print(module, member, rename))
    return `{ ${[...(members.some(isPrivate) ? ["#private;"] : []), ...shown].join("\n")} }`
  }
  if (node.type === "Literal" && typeof node.value === "string" && node.value.startsWith(".")) {
    return JSON.stringify(rename(node.value))
  }
  let text = ""
  let at = node.start
  const gap = (end: number): void => {
    let between = ""
    for (const comment of module.comments) {
      if (comment.start < at || comment.end > end) continue
      between += module.text.slice(at, comment.start)
      at = comment.end
    }
    between += module.text.slice(at, end)
    text += between.replace(/\n\s*\n/g, "\n")
  }
  for (const child of [...children(node)].sort((a, b) => a.start - b.start)) {
    if (child.start < at) continue
    gap(child.start)
    text += print(module, child, rename)
    at = child.end
  }
  gap(node.end)
  return text
}

const importLines = (module: Declared, kept: ReadonlySet<Statement>, rename: (from: string) => string) => {
  const used = new Set([...kept].flatMap(({ node }) => [...references(node)].map((name) => name.split(".")[0] ?? "")))
  const lines = [...module.imports]
    .filter(([local]) => used.has(local))
    .map(([local, { from, imported }]) => {
      if (imported === "*") return { from: rename(from), what: `* as ${local}` }
      return { from: rename(from), what: imported === local ? local : `${imported} as ${local}` }
    })
  const namesFrom = (from: string): ReadonlyArray<string> =>
    lines.filter((line) => line.from === from && !line.what.startsWith("*")).map(({ what }) => what)
  return [...new Set(lines.map(({ from, what }) => (what.startsWith("*") ? `${from}\n${what}` : from)))]
    .sort(compare)
    .map((line) => {
      const [from = "", space] = line.split("\n")
      return `import ${space ?? `{ ${[...namesFrom(from)].sort(compare).join(", ")} }`} from "${from}"`
    })
}

/** Sorts a class right after the base that the compiler emits for it. */
const key = ({ names }: Statement): string => (names[0] ?? "").replace(/_base$/, "")

/** Lays out each text as Biome does. */
export const layOut = (
  texts: ReadonlyArray<string>,
  options: { readonly lineWidth?: number } = {}
): ReadonlyArray<string> => {
  const folder = mkdtempSync(join(tmpdir(), "api-"))
  try {
    const { formatter, javascript } = JSON.parse(readFileSync(join(workspace, "biome.json"), "utf8"))
    writeFileSync(
      join(folder, "biome.json"),
      JSON.stringify({ root: true, formatter: { ...formatter, ...options }, javascript })
    )
    mkdirSync(join(folder, "modules"))
    const files = texts.map((text, index) => {
      const file = join(folder, "modules", `${index}.d.ts`)
      writeFileSync(file, text)
      return file
    })
    const biome = join(workspace, "node_modules/.bin/biome")
    execFileSync(biome, ["format", "--write", "modules"], { cwd: folder, encoding: "utf8", stdio: "pipe" })
    return files.map((file) => readFileSync(file, "utf8").trim())
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const internal = "internal:"

const internalNames = (folder: string, sources: ReadonlyArray<string>): ReadonlyMap<string, string> => {
  const base = (source: string): string => posix.basename(source, ".ts")
  return new Map(
    sources.map((source) => {
      const alone = sources.filter((other) => base(other) === base(source)).length === 1
      const path = source.replace(`packages/${folder}/src/`, "").replace(/\.ts$/, "")
      return [source, `${internal}${alone ? base(source) : path}`]
    })
  )
}

/** The declarations of a package, whose `dist` the compiler has written. */
export const declarations = (root: string, { folder, modules, name }: PublicPackage): string => {
  const reached = new Reached(root)
  for (const { source } of modules) reached.takeExports(source)
  const open = new Map(modules.map((each) => [each.source, each.name]))
  const hidden = [...reached.modules.keys()].filter(
    (source) => !open.has(source) && (reached.modules.get(source)?.kept.size ?? 0) > 0
  )
  const names = new Map([...open, ...internalNames(folder, hidden)])
  const headed = [...names].map(([source, header]): readonly [string, string] => {
    const { kept, module } = reached.open(source)
    const rename = (from: string): string =>
      from.startsWith(".") ? (names.get(posix.join(posix.dirname(source), from)) ?? from) : from
    const lines = [...kept]
      .sort((a, b) => compare(key(a), key(b)) || a.node.start - b.node.start)
      .map(({ node }) => print(module, node, rename))
    return [header, [...importLines(module, kept, rename), "", ...lines].join("\n")]
  })
  const order = (header: string): string => `${header.startsWith(internal) ? 1 : 0}${header}`
  const sorted = headed.sort(([a], [b]) => compare(order(a), order(b)))
  const texts = layOut(sorted.map(([, text]) => text))
  return `${[
    `// The public declarations of ${name}, written by \`npm run api -- --write\`. A change needs a changeset.`,
    ...sorted.map(([header], index) => `// ${header}\n\n${texts[index]}`)
  ].join("\n\n")}\n`
}

/** The path of a package's text, which is no .d.ts, so that no compiler reads it. */
export const snapshotOf = (folder: string): string => `docs/api/${folder}.d.ts.txt`

export const save = (root: string, path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}
