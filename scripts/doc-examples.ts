// The ts fences of doc comments and documents as programs. A program keeps the line numbers of its source.
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join, relative, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { findAll, isNode, list, type Node, parse } from "./source.ts"

export interface Example {
  readonly path: string
  /** The line of the fence. */
  readonly line: number
  readonly run: boolean
  readonly code: string
}

export interface Program {
  readonly example: Example
  readonly file: string
}

const workspace = resolve(import.meta.dirname, "..")

const prelude =
  `import { deepStrictEqual as $deepStrictEqual } from "node:assert/strict"; ` +
  "const $equal = <A>(actual: A, expected: unknown): A => { $deepStrictEqual(actual, expected); return actual }"

const docLines = (path: string, text: string): ReadonlyArray<string> => {
  const lines: Array<string> = text.split("\n").map(() => "")
  for (const { start, type, value } of parse(path, text).comments) {
    if (type !== "Block" || !value.startsWith("*")) continue
    const first = text.slice(0, start).split("\n").length - 1
    for (const [index, line] of value.split("\n").entries()) lines[first + index] = line.replace(/^\s*\* ?/, "")
  }
  return lines
}

export const extract = (path: string, text: string): ReadonlyArray<Example> => {
  const lines = path.endsWith(".ts") ? docLines(path, text) : text.split("\n")
  const examples: Array<Example> = []
  let open: { readonly marks: string; readonly info: string; readonly line: number } | undefined
  for (const [index, line] of lines.entries()) {
    const [, marks = "", info = ""] = /^\s*(`{3,})\s*(.*?)\s*$/.exec(line) ?? []
    if (marks === "") continue
    if (open === undefined) {
      open = { marks, info, line: index + 1 }
      continue
    }
    if (info !== "" || marks.length < open.marks.length) continue
    if (/^ts\b/.test(open.info)) {
      if (!/^ts( no-run)?$/.test(open.info)) throw new Error(`${path}:${open.line}: unknown fence "${open.info}"`)
      const code = lines.slice(open.line, index).join("\n")
      examples.push({ path, line: open.line, run: open.info === "ts", code })
    }
    open = undefined
  }
  if (open !== undefined) throw new Error(`${path}:${open.line}: the fence is not closed`)
  return examples
}

export const collect = (root: string): ReadonlyArray<Example> =>
  [
    ...list(root, "packages", /^packages\/[^/]+\/(src\/.*\.ts|README\.md)$/),
    ...list(root, "docs", /\.md$/),
    ...list(root, ".", /^README\.md$/)
  ].flatMap((path) => extract(path, readFileSync(join(root, path), "utf8")))

const subject = (code: string, end: number, statements: ReadonlyArray<Node>): Node | undefined => {
  const statement = statements.find((node) => node.end <= end && /^[;\t ]*$/.test(code.slice(node.end, end)))
  const expression = statement?.expression
  if (!isNode(expression)) return undefined
  const { arguments: args, callee } = expression
  return isNode(callee) && code.slice(callee.start, callee.end) === "console.log" && Array.isArray(args)
    ? args[0]
    : expression
}

/** Turns every `expression // => value` into an assertion that the two are deeply equal. */
export const assertive = ({ code, line, path }: Example): string => {
  const { comments, program } = parse(path.replace(/\.md$/, ".ts"), code)
  const statements = findAll(program, (node) => (node.type === "ExpressionStatement" ? node : undefined))
  let text = code
  for (const comment of comments.toReversed()) {
    const [, value] = /^\s*=>\s*(.+)$/.exec(comment.value) ?? []
    if (value === undefined) continue
    const node = subject(code, comment.start, statements)
    if (node === undefined) {
      const at = line + code.slice(0, comment.start).split("\n").length
      throw new Error(`${path}:${at}: no expression in front of "// => ${value}"`)
    }
    const asserted = `$equal(${code.slice(node.start, node.end)}, ${value})`
    text = text.slice(0, node.start) + asserted + text.slice(node.end)
  }
  return text === code ? text : `${prelude}\n${text}`
}

const pad = (example: Example): string => {
  const text = assertive(example)
  return text === example.code ? "\n".repeat(example.line) + text : text.replace("\n", "\n".repeat(example.line))
}

/** A new folder of the workspace, where the imports of the examples resolve. */
const makeFolder = (): string => {
  const cache = join(workspace, ".cache")
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, "doc-examples-"))
  const config = {
    extends: "../../tsconfig.base.json",
    compilerOptions: {
      types: ["node"],
      composite: false,
      declarationMap: false,
      noEmit: true,
      noUnusedLocals: false,
      noUnusedParameters: false,
      rootDir: "../.."
    },
    include: ["*.ts"]
  }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config))
  return folder
}

/** Writes the examples as programs, into a new folder of the workspace if none is given. */
export const write = (examples: ReadonlyArray<Example>, into?: string): ReadonlyArray<Program> => {
  const texts = examples.map((example) => ({ example, text: pad(example) }))
  if (texts.length === 0) return []
  const folder = into ?? makeFolder()
  return texts.map(({ example, text }) => {
    const file = join(folder, `${example.path.replaceAll("/", "-")}-${example.line}.ts`)
    writeFileSync(file, text)
    return { example, file }
  })
}

/** The compiler's errors, each with the path and line of the document it stands in. */
export const typeErrors = (
  programs: ReadonlyArray<Program>,
  [tool, ...fixed]: readonly [string, ...ReadonlyArray<string>] = [join(workspace, "node_modules/.bin/tsc")]
): ReadonlyArray<string> => {
  const [first] = programs
  if (first === undefined) return []
  const cwd = resolve(first.file, "..")
  try {
    execFileSync(tool, [...fixed, "--pretty", "false"], { cwd, encoding: "utf8" })
    return []
  } catch (error) {
    if (!(error instanceof Error && "stdout" in error && typeof error.stdout === "string")) throw error
    return error.stdout
      .trim()
      .split(/\n(?=\S)/)
      .map((problem) =>
        problem.replace(/^(.+?)\((\d+),\d+\)/, (_, file: string, line: string) => {
          const program = programs.find((program) => basename(program.file) === file)
          return `${program?.example.path ?? relative(workspace, resolve(cwd, file))}:${line}`
        })
      )
  }
}

/** Runs a program; it fails with the path and line of the document. */
export const run = async ({ example, file }: Program): Promise<void> => {
  try {
    await import(/* @vite-ignore */ pathToFileURL(file).href)
  } catch (cause) {
    const { message, stack = "" } = cause instanceof Error ? cause : new Error(String(cause))
    const lines = stack.split(basename(file)).map((part) => Number(/^:(\d+)/.exec(part)?.[1]))
    const at = lines.find((line) => line > 1) ?? example.line
    throw new Error(`${example.path}:${at}: ${message}`, { cause })
  }
}
