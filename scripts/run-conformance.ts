// Drives the examples through a running OpenID conformance suite, and prints docs/conformance.md, which has the options.
import { spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { text } from "node:stream/consumers"
import { parseArgs } from "node:util"
import { NodeTls } from "@effect-ciba/platform-node"
import { Console, Effect, Layer } from "effect"
import { type Cell, cells } from "../e2e/conformance/Module.ts"
import * as Suite from "../e2e/conformance/Suite.ts"
import * as SuiteRun from "../e2e/conformance/SuiteRun.ts"
import { nameOf } from "../e2e/conformance/Variant.ts"
import * as Loopback from "../e2e/Loopback.ts"
import { conformancePage, line, problem } from "./conformance/page.ts"

const { positionals: wanted, values } = parseArgs({
  allowPositionals: true,
  options: {
    suite: { type: "string" },
    ca: { type: "string" },
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string" },
    concurrency: { type: "string", default: "16" },
    fresh: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    json: { type: "boolean", default: false }
  }
})

const names = ({ module, variant }: Cell) => [module.name, variant.profile, nameOf(variant)]

const selected = cells.filter((cell) => wanted.every((name) => names(cell).includes(name)))

const authorities = values.ca === undefined ? undefined : readFileSync(values.ca, "utf8")

const connect = Effect.fnUntraced(function* (url: string) {
  const http = yield* Layer.build(NodeTls.layer({ authorities }))
  return yield* Effect.provideContext(Suite.make(url, process.env.CONFORMANCE_TOKEN), http)
})

const runHere = Effect.fnUntraced(function* (suite: Suite.Suite) {
  const port = values.port === undefined ? yield* Loopback.freePort : Number(values.port)
  return yield* SuiteRun.make({ suite, authorities, host: values.host, port })
})

/** Runs a module in a process of its own, which prints the result. */
const runFresh = (url: string) => (cell: Cell) =>
  Effect.promise(async (): Promise<SuiteRun.Result> => {
    const options = [
      ...["--suite", url, "--host", values.host, "--json"],
      ...(values.ca === undefined ? [] : ["--ca", values.ca])
    ]
    const child = spawn(process.execPath, [import.meta.filename, ...options, cell.module.name, nameOf(cell.variant)], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    const printed = await text(child.stdout)
    if (printed === "") {
      return { module: cell.module.name, variant: cell.variant, result: "CRASHED", findings: [], outcome: "nothing" }
    }
    const [result] = JSON.parse(printed)
    return result
  })

const program = Effect.gen(function* () {
  if (values.suite === undefined) return yield* Effect.die("--suite names the URL of a running conformance suite")
  const suite = yield* connect(values.suite)
  const version = yield* suite.version
  const run = values.fresh ? runFresh(values.suite) : yield* runHere(suite)
  const report = (result: SuiteRun.Result) => (values.json ? Effect.void : Console.error(line(result)))
  const results = yield* Effect.forEach(selected, (cell) => Effect.tap(run(cell), report), {
    concurrency: Number(values.concurrency)
  })
  if (values.json) return yield* Console.log(JSON.stringify(results))
  const page = conformancePage(
    results,
    version,
    values.fresh ? "a process for each module" : "all modules in one process"
  )
  if (wanted.length === 0) yield* Console.log(page)
  if (wanted.length === 0 && values.write)
    writeFileSync(join(resolve(import.meta.dirname, ".."), "docs/conformance.md"), page)
  if (results.some((result) => problem(result) !== undefined)) process.exitCode = 1
})

await Effect.runPromise(Effect.scoped(program))
