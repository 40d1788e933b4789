// Runs a task with the workspace's own Node and tools, and installs them first if they are missing or out of date.
import { spawn, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { constants } from "node:os"
import { delimiter, join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")
const pnpm = join(root, "scripts", "pnpm")

const tasks = {
  agents: ["node", "scripts/check-agents.ts"],
  api: ["node", "scripts/check-api.ts"],
  architecture: ["node", "scripts/check-architecture.ts"],
  bench: ["node", "--expose-gc", "bench/main.ts"],
  build: ["node", "scripts/build.ts"],
  bundle: ["node", "scripts/check-bundle.ts"],
  check: ["tsc", "-b"],
  conformance: ["node", "scripts/run-conformance.ts"],
  deadcode: ["knip"],
  demo: ["node", "examples/demo/main.ts"],
  "demo:machines": ["node", "scripts/run-machines-demo.ts"],
  docs: ["node", "site/build.ts"],
  errors: ["node", "scripts/check-errors.ts"],
  examples: ["node", "scripts/run-examples.ts"],
  faults: ["node", "e2e/faults/main.ts"],
  fuzz: ["node", "scripts/fuzz.ts"],
  format: ["biome", "check", "--write"],
  lint: ["biome", "check", "--error-on-warnings", "--diagnostic-level=warn"],
  machines: ["node", "scripts/run-machines.ts"],
  mutation: ["node", "scripts/run-mutation.ts"],
  packages: ["node", "scripts/check-packages.ts"],
  release: ["node", "scripts/run-release.ts"],
  rows: ["node", "scripts/check-rows.ts"],
  servers: ["node", "scripts/run-servers.ts"],
  test: ["vitest", "run", "--config", "vitest.workspace.ts"],
  "test:browser": ["vitest", "run", "--config", "vitest.browser.ts"],
  wait: ["node", "scripts/check-wait.ts"],
  workflows: ["node", "scripts/check-workflows.ts"],
  worlds: ["node", "scripts/check-worlds.ts"]
}

// Runs after the task has passed, with the same arguments.
const second = {
  lint: ["node", "scripts/check-words.ts"]
}

/** The generator of the site is left out, unless the whole is wanted. */
const install = (whole) => {
  const stamp = join(root, "node_modules", ".bootstrap")
  const locks = createHash("sha256")
  for (const lock of [join(root, "pnpm-lock.yaml"), join(pnpm, "package-lock.json")]) locks.update(readFileSync(lock))
  const lock = locks.digest("hex")
  const installed = existsSync(stamp) ? readFileSync(stamp, "utf8") : ""
  if (installed === `${lock} whole` || (installed === lock && !whole)) return
  console.error("Installing the workspace …")
  // Not `npm ci`, which fails where a registry lacks pnpm for another platform. What the lock names has its integrity checked.
  runToEnd(pnpm, "npm", "install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error")
  const filter = whole ? [] : ["--filter=!@effect-ciba/site"]
  runToEnd(root, join(pnpm, "node_modules", ".bin", "pnpm"), "install", "--frozen-lockfile", ...filter)
  writeFileSync(stamp, whole ? `${lock} whole` : lock)
}

const runToEnd = (cwd, command, ...parameters) => {
  const { error, status, stdout } = spawnSync(command, parameters, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"]
  })
  if (error === undefined && status === 0) return
  console.error(error?.message ?? stdout)
  process.exit(1)
}

const [name = "", ...rest] = process.argv.slice(2)
const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined
if (task === undefined) {
  console.error(`Usage: node scripts/bootstrap.mjs <task>, where <task> is one of ${Object.keys(tasks).join(", ")}`)
  process.exit(1)
}

install(name === "docs")
const path = [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter)
let child
const run = ([tool, ...fixed], then) => {
  child = spawn(tool, [...fixed, ...rest], { cwd: root, env: { ...process.env, PATH: path }, stdio: "inherit" })
  child.on("error", (error) => {
    console.error(error.message)
    process.exit(1)
  })
  child.on("exit", (code, signal) => {
    if (code === 0 && then !== undefined) run(then)
    else process.exit(code ?? 128 + constants.signals[signal])
  })
}
process.on("SIGINT", () => {}) // the terminal sends it to the child as well
process.on("SIGTERM", () => child.kill())
run(task, second[name])
