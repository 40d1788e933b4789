// The JavaScript of packages/core: all modules in one file, which loads faster than a file for each, and a file for each public module
// that exports its part of it. Declarations are what `tsc` writes.
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { parseSync, Visitor } from "oxc-parser"
import { type Plugin, RolldownMagicString, rolldown } from "rolldown"

const folder = resolve(import.meta.dirname, "../packages/core")

/** A bundler leaves out a call that is needed for its value alone, if nothing needs the value. So are all calls in declarations; one in a statement, or in a function, is not. */
export const annotateCalls: Plugin = {
  name: "annotate-calls",
  transform(code, id) {
    const starts = new Set<number>()
    let depth = 0
    const annotate = ({ start }: { readonly start: number }) => {
      if (depth === 0) starts.add(start)
    }
    const enter = () => {
      depth++
    }
    const leave = () => {
      depth--
    }
    const visitor = new Visitor({
      CallExpression: annotate,
      NewExpression: annotate,
      ExpressionStatement: enter,
      "ExpressionStatement:exit": leave,
      ArrowFunctionExpression: enter,
      "ArrowFunctionExpression:exit": leave,
      FunctionDeclaration: enter,
      "FunctionDeclaration:exit": leave,
      FunctionExpression: enter,
      "FunctionExpression:exit": leave
    })
    visitor.visit(parseSync(id, code).program)
    const text = new RolldownMagicString(code)
    for (const start of starts) text.prependLeft(start, "/* @__PURE__ */ ")
    return { code: text }
  }
}

/** The index names the files of the modules, so that a bundler can take each namespace apart. */
const keepNamespaces: Plugin = {
  name: "keep-namespaces",
  resolveId: (id, importer) =>
    importer === join(folder, "src/index.ts") ? { id: id.replace(/ts$/, "js"), external: true } : undefined
}

const listPublic = (): Record<string, string> => {
  const { exports }: { readonly exports: Record<string, string> } = JSON.parse(
    readFileSync(join(folder, "package.json"), "utf8")
  )
  const sources = Object.values(exports).filter((path) => path.endsWith(".ts"))
  return Object.fromEntries(sources.map((path) => [path.replace(/^\.\/src\/|\.ts$/g, ""), path]))
}

let written: Promise<void> | undefined

/** Writes them once. */
export const write = (): Promise<void> => {
  written ??= build()
  return written
}

const build = async (): Promise<void> => {
  const built = await rolldown({
    cwd: folder,
    input: listPublic(),
    platform: "neutral",
    external: /^[^./]/,
    plugins: [annotateCalls, keepNamespaces]
  })
  await built.write({
    dir: join(folder, "dist"),
    format: "esm",
    sourcemap: true,
    sourcemapExcludeSources: true,
    comments: { jsdoc: false },
    chunkFileNames: "[name].js",
    codeSplitting: { groups: [{ name: "modules", test: /packages.core.src.(?!index)/ }] }
  })
}
