// The runtimes that the suite runs on: the binary of each, from a package of the workspace, and how it is started.
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { text } from "node:stream/consumers"
import { rolldown } from "rolldown"
import { cases, type Report } from "./Suite.ts"
import type { World } from "./World.ts"

export interface Runtime {
  readonly name: string
  /** The binary, by the processor that it is for. */
  readonly binaries: Readonly<Record<string, string>>
  /** Runs the suite to its end. */
  readonly run: (binary: string, world: World) => Promise<ReadonlyArray<Report>>
}

const modules = join(import.meta.dirname, "node_modules")

const cache = resolve(import.meta.dirname, "../../.cache")

export const binaryOf = ({ binaries, name }: Runtime): string => {
  const binary = binaries[process.arch]
  if (binary === undefined || !existsSync(binary))
    throw new Error(`${name} is not installed: run pnpm install on Linux`)
  return binary
}

/** The suite in one file: what all runtimes run is the same text. */
const bundle = async (
  entry: "Process.ts" | "Worker.ts"
): Promise<{ readonly folder: string; readonly file: string }> => {
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, "runtime-"))
  const file = join(folder, "suite.mjs")
  const built = await rolldown({
    input: join(import.meta.dirname, entry),
    platform: "neutral",
    external: /^node:/,
    logLevel: "silent"
  })
  await built.write({ format: "esm", file, codeSplitting: false })
  return { folder, file }
}

interface Started {
  readonly child: ChildProcess
  /** The lines that it writes, when it has ended; a runtime that hangs is ended. */
  readonly lines: Promise<ReadonlyArray<string>>
}

const start = (
  binary: string,
  parameters: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {}
): Started => {
  const child = spawn(binary, parameters, {
    env: { NO_COLOR: "1", HOME: cache, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 150_000,
    killSignal: "SIGKILL"
  })
  const lines = Promise.all([text(child.stdout), text(child.stderr)]).then((all) => all.join("\n").split("\n"))
  return { child, lines }
}

const runProcess =
  (...parameters: ReadonlyArray<string>): Runtime["run"] =>
  async (binary, world) => {
    const { file } = await bundle("Process.ts")
    const lines = await start(binary, [...parameters, file], { WORLD: JSON.stringify(world) }).lines
    const reports = lines.filter((line) => line.startsWith('{"title"')).map((line): Report => JSON.parse(line))
    if (reports.length !== cases.length) throw new Error(`ended early: ${lines.slice(-20).join("\n")}`)
    return reports
  }

const workerConfiguration = (world: World) => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "suite.mjs", esModule = embed "suite.mjs")],
      compatibilityDate = "2026-11-01",
      bindings = [
        (name = "WORLD", json = ${JSON.stringify(JSON.stringify(world))}),
        (name = "SUITE", durableObjectNamespace = "Suite")
      ],
      durableObjectNamespaces = [(className = "Suite", uniqueKey = "suite")],
      durableObjectStorage = (inMemory = void)
    )),
    (name = "internet", network = (allow = ["private", "public"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:${world.notificationPort}", http = (), service = "main")]
);
`

const runWorker: Runtime["run"] = async (binary, world) => {
  const { folder } = await bundle("Worker.ts")
  writeFileSync(join(folder, "config.capnp"), workerConfiguration(world))
  const { child, lines } = start(binary, ["serve", join(folder, "config.capnp")])
  const url = `http://127.0.0.1:${world.notificationPort}`
  try {
    await awaitServer(url)
    return await askEach(url)
  } catch (error) {
    child.kill("SIGKILL")
    throw new Error(`${error}: ${(await lines).slice(-20).join("\n")}`)
  } finally {
    child.kill("SIGKILL")
  }
}

const awaitServer = async (url: string): Promise<void> => {
  for (let attempt = 0; attempt < 200; attempt++) {
    const isListening = await fetch(url).then(
      () => true,
      () => false
    )
    if (isListening) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error("workerd does not listen")
}

const askEach = async (url: string): Promise<ReadonlyArray<Report>> => {
  const reports: Array<Report> = []
  for (const index of cases.keys()) {
    const response = await fetch(`${url}/run/${index}`)
    reports.push((await response.json()) as Report)
  }
  return reports
}

const node22 = (processor: string) => join(modules, `node-22-linux-${processor}/bin/node`)

export const runtimes: ReadonlyArray<Runtime> = [
  {
    name: "Node.js 24",
    binaries: { [process.arch]: process.execPath },
    run: runProcess()
  },
  {
    name: "Node.js 22",
    binaries: { x64: node22("x64"), arm64: node22("arm64") },
    run: runProcess()
  },
  {
    name: "Bun",
    binaries: {
      x64: join(modules, "@oven/bun-linux-x64-baseline/bin/bun"),
      arm64: join(modules, "@oven/bun-linux-aarch64/bin/bun")
    },
    run: runProcess("run")
  },
  {
    name: "Deno",
    binaries: {
      x64: join(modules, "@deno/linux-x64-glibc/deno"),
      arm64: join(modules, "@deno/linux-arm64-glibc/deno")
    },
    run: runProcess("run", "--no-config", "--no-lock", "--allow-env=WORLD", "--allow-net=127.0.0.1")
  },
  {
    name: "workerd",
    binaries: {
      x64: join(modules, "@cloudflare/workerd-linux-64/bin/workerd"),
      arm64: join(modules, "@cloudflare/workerd-linux-arm64/bin/workerd")
    },
    run: runWorker
  }
]
