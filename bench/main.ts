// `npm run bench`: this library and openid-client in turn, on the same work. Prints a table, or JSON with `--json`; with
// `--write` it writes the table of docs/performance.md; `--level name` measures one level alone.
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { type Figure, judge } from "./Figure.ts"
import * as flows from "./levels/flows.ts"
import * as loading from "./levels/loading.ts"
import * as sockets from "./levels/sockets.ts"
import * as steps from "./levels/steps.ts"
import * as waits from "./levels/waits.ts"
import { toMarkdown } from "./Table.ts"

const levels: Readonly<Record<string, () => Promise<ReadonlyArray<Figure>>>> = {
  steps: steps.measure,
  flows: flows.measure,
  waits: waits.measure,
  sockets: sockets.measure,
  loading: loading.measure
}

const { values } = parseArgs({
  options: { json: { type: "boolean" }, write: { type: "boolean" }, level: { type: "string", multiple: true } }
})
const names = values.level ?? Object.keys(levels)
const page = new URL("../docs/performance.md", import.meta.url)

const built = spawnSync("tsc", ["-b", "packages/core", "packages/platform-node"], { encoding: "utf8" })
if (built.status !== 0) throw new Error(`the packages cannot be built: ${built.error?.message ?? built.stdout}`)

const figures: Array<Figure> = []
for (const name of names) {
  const measure = levels[name]
  if (measure === undefined) throw new Error(`there is no level ${name}: use one of ${Object.keys(levels).join(", ")}`)
  const began = performance.now()
  figures.push(...(await measure()))
  console.error(`${name}: ${Math.round((performance.now() - began) / 1000)} s`)
}

const machine = `Node.js ${process.versions.node}, ${availableParallelism()} cores, ${process.platform} ${process.arch}`
const table = toMarkdown(figures)
console.log(
  values.json === true
    ? JSON.stringify(
        { machine, figures: figures.map((figure) => ({ ...figure, verdict: judge(figure) })) },
        undefined,
        2
      )
    : `${machine}\n\n${table}`
)
if (values.write === true) {
  const text = readFileSync(page, "utf8")
  const [begin, end] = ["<!-- table -->", "<!-- end of the table -->"]
  const before = text.slice(0, text.indexOf(begin) + begin.length)
  writeFileSync(page, `${before}\n\n${machine}\n\n${table}\n\n${text.slice(text.indexOf(end))}`)
}
process.exit()
