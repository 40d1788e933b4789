// Which rows of docs/requirements.md have a test that cites them: it("… (H11, T-3)").
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { isNode, list, type Node, read, walk } from "./source.ts"

export interface Report {
  readonly table: string
  readonly cited: number
  readonly problems: ReadonlyArray<string>
}

// The rows that the library promises to meet. A mandatory one among them must have a test.
const claimed =
  "A1–A15 B1–B11 C1–C16 C18–C20 D1–D18 E1–E12 F1–F11 G1–G13 H1–H27 I1–I14 J1–J15 K1–K20 L1–L18 M1–M17 N1–N6 O1–O7 P1–P4 Q1–Q6 R1–R5 S1–S7 Ta Tb Tc Td Te Tf Tg Th Tk U6 U7"

const document = "docs/requirements.md"
const rowId = /^[A-Z](?:-?\d+[a-z]?|[a-z])$/
const mandatory = /^(MUST|must\(lc\))/

const range = (text: string): ReadonlyArray<string> => {
  const [, group = "", first, last] = /^([A-Z]-?)(\d+)[–-]\1(\d+)$/.exec(text) ?? []
  if (first === undefined) return [text]
  const length = Number(last) - Number(first) + 1
  return Array.from({ length }, (_, index) => `${group}${Number(first) + index}`)
}

const levels = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text
      .split("\n")
      .filter((line) => line.startsWith("|"))
      .map((line) => line.split("|").map((cell) => cell.replace(/[`*]/g, "").trim()))
      .map(([, id = "", level = ""]): [string, string] => [id, level])
      .filter(([id]) => rowId.test(id))
  )

const runners = new Set(["describe", "it", "test"])

const runnerOf = (
  callee: unknown
): { readonly name: string; readonly modifiers: ReadonlyArray<string> } | undefined => {
  if (!isNode(callee)) return undefined
  if (callee.type === "Identifier") return { name: String(callee.name), modifiers: [] }
  const inner = runnerOf(callee.object ?? callee.callee ?? callee.tag)
  const property = isNode(callee.property) ? String(callee.property.name) : undefined
  return (
    inner && { name: inner.name, modifiers: property === undefined ? inner.modifiers : [...inner.modifiers, property] }
  )
}

const idle = new Set(["skip", "todo", "skipIf", "runIf", "fails"])

const textOf = (node: Node): string | undefined => {
  if (node.type === "Literal" && typeof node.value === "string") return node.value
  if (node.type !== "TemplateElement" || typeof node.value !== "object" || node.value === null) return undefined
  return "cooked" in node.value && typeof node.value.cooked === "string" ? node.value.cooked : undefined
}

/** The strings of a test file, each of which may be a title, without those of skipped tests. */
const texts = (program: Node): ReadonlyArray<string> => {
  const found: Array<string> = []
  walk(program, (node) => {
    const runner = node.type === "CallExpression" ? runnerOf(node.callee) : undefined
    if (runner !== undefined && runners.has(runner.name) && runner.modifiers.some((name) => idle.has(name)))
      return false
    const text = textOf(node)
    if (text !== undefined) found.push(text)
    return undefined
  })
  return found
}

export const citations = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/[([]([^()[\]]+)[)\]]/g)].flatMap(([, inside = ""]) => {
    const ids = inside.split(/[,;]\s*|\s+/).flatMap(range)
    return ids.every((id) => rowId.test(id)) ? ids : []
  })

const compare = (a: string, b: string): number => a.localeCompare(b, "en", { numeric: true })

export const report = (root: string): Report => {
  const rows = levels(existsSync(join(root, document)) ? readFileSync(join(root, document), "utf8") : "")
  if (rows.size === 0) return { table: "", cited: 0, problems: [`${document} has no rows`] }
  const promised = new Set(claimed.split(" ").flatMap(range))
  const groups = [...new Set([...rows.keys()].map((id) => id.charAt(0)))].sort()
  const cited = new Set<string>()
  const problems: Array<string> = []
  const files = [...list(root, "packages", /^packages\/[^/]+\/test\/.*\.ts$/), ...list(root, "e2e", /\.ts$/)]
  for (const path of files) {
    for (const id of texts(read(root, path).program).flatMap(citations)) {
      if (rows.has(id)) cited.add(id)
      else if (groups.includes(id.charAt(0))) problems.push(`${path} cites ${id}, which is not in ${document}`)
    }
  }
  const lines = groups.map((group) => {
    const ids = [...rows.keys()].filter((id) => id.charAt(0) === group).sort(compare)
    const missing = ids.filter((id) => mandatory.test(rows.get(id) ?? "") && !cited.has(id))
    problems.push(...missing.filter((id) => promised.has(id)).map((id) => `${id} is claimed, and no test cites it`))
    const counts = [ids.length, ids.filter((id) => cited.has(id)).length].map((count) => String(count).padStart(5))
    return `${group.padEnd(5)} ${counts.join(" ")}  ${missing.map((id) => (promised.has(id) ? id : `(${id})`)).join(" ")}`
  })
  const table = ["group  rows cited  MUST without a test (in parentheses: not claimed)", ...lines].join("\n")
  return { table, cited: cited.size, problems }
}

const marker = /(<!-- rows -->)(.*?)(<!-- \/rows -->)/

/** The problem of the number in the README; with `write`, the number is corrected instead. */
export const readme = (root: string, cited: number, write: boolean): ReadonlyArray<string> => {
  const file = join(root, "README.md")
  const text = existsSync(file) ? readFileSync(file, "utf8") : ""
  const number = marker.exec(text)?.[2]
  if (number === undefined) return ["README.md has no <!-- rows -->…<!-- /rows -->"]
  if (number === String(cited)) return []
  if (!write) return [`README.md says ${number} rows, ${cited} are cited: npm run rows -- --write`]
  writeFileSync(file, text.replace(marker, `$1${cited}$3`))
  return []
}

if (import.meta.main) {
  const root = resolve(import.meta.dirname, "..")
  const { cited, problems, table } = report(root)
  const all = [...problems, ...readme(root, cited, process.argv.includes("--write"))]
  console.log([table, ...all, `rows: ${cited} cited, ${all.length} problems`].join("\n"))
  process.exitCode = all.length === 0 ? 0 : 1
}
