// Tries the packed packages as users have them: installed by each package manager into an empty folder, and compiled by
// each TypeScript, with each way of resolving modules. What is compiled and run are the documents' examples.
import { execFile } from "node:child_process"
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"
import { promisify } from "node:util"
import { assertive, collect, type Program, typeErrors, write } from "./doc-examples.ts"
import { findFirstExample } from "./FirstExample.ts"
import { type Packed, pack } from "./Packed.ts"
import { listLatest, promote, publish, verify } from "./release/Release.ts"
import { type Manager, managers, npm } from "./worlds/managers.ts"
import { serve } from "./worlds/registry.ts"

const root = resolve(import.meta.dirname, "..")
const compilers = join(root, "scripts/worlds/node_modules")
const examples = collect(root)

/** The version of an installed package. */
const versionOf = (path: string): string => JSON.parse(readFileSync(join(path, "package.json"), "utf8")).version

/** What a command writes; it throws that if it fails. What is cached lasts as long as the project. */
const sh = async (cwd: string, [tool = "", ...fixed]: ReadonlyArray<string>, ...rest: ReadonlyArray<string>) => {
  const cache = join(cwd, ".cache")
  const env = { ...process.env, BUN_INSTALL_CACHE_DIR: cache, YARN_GLOBAL_FOLDER: cache }
  const { stderr, stdout } = await promisify(execFile)(tool, [...fixed, ...rest], { cwd, env })
  return `${stderr}${stdout}`
}

type Work = () => ReadonlyArray<string> | Promise<ReadonlyArray<string>>

/** The problems that a work finds, or how it has failed. */
const settle = async (work: Work): Promise<ReadonlyArray<string>> => {
  try {
    return await work()
  } catch (error) {
    const { message, stderr = "", stdout = "" } = Object(error)
    return (`${stderr}${stdout}`.trim() || String(message)).split("\n")
  }
}

/** Prints the outcome of a cell; one that is only reported fails nothing. */
const cell = async (name: string, work: Work, failure = "FAILED"): Promise<boolean> => {
  const started = performance.now()
  const problems = await settle(work)
  const passed = problems.length === 0
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${passed ? "passed" : failure}  ${name} (${seconds} s)`)
  for (const problem of problems.slice(0, 10)) console.log(`        ${problem}`)
  if (failure === "FAILED" && !passed) process.exitCode = 1
  return passed
}

const inWorkspace = (name: string): string => `${name}@${versionOf(join(root, "node_modules", name))}`

const ours = /^@effect-ciba\//

/** The packages that the README's commands install: ours as they would be published, the others in the workspace's versions. */
const readInstalls = () => {
  const readme = readFileSync(join(root, "README.md"), "utf8")
  const read = (command: RegExp) =>
    [...new Set([...readme.matchAll(command)].flatMap(([, list = ""]) => list.trim().split(" ")))].map((name) =>
      ours.test(name) ? name : inWorkspace(name)
    )
  return { used: read(/^npm install (?!-)([^#\n]+)/gm), tested: read(/^npm install --save-dev ([^#\n]+)/gm) }
}

const make = (parent: string, folder: string, { configure }: Manager, origin: string): string => {
  const project = join(parent, folder)
  const [file, text] = configure(origin)
  mkdirSync(project)
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
  writeFileSync(join(project, file), text)
  return project
}

/** The complaints of a package manager that installs what the README says; what the examples need besides is not ours. */
const install = async (project: string, { add, complaint, typescript }: Manager): Promise<ReadonlyArray<string>> => {
  const { tested, used } = readInstalls()
  const compiler =
    typescript === "typescript" ? inWorkspace(typescript) : `typescript@${versionOf(join(compilers, typescript))}`
  const output = [await sh(project, add, ...used), await sh(project, add, "-D", ...tested, compiler)]
  await sh(
    project,
    add,
    "-D",
    ...["@effect/platform-node", "@effect/sql-pg", "@types/node", "oauth4webapi", "openid-client"].map(inWorkspace)
  )
  return output
    .join("")
    .split("\n")
    .filter((line) => complaint?.test(line))
}

/** Sets the compiler's options: strict ones, with the declarations of dependencies compiled, too. */
const setOptions = (project: string, options: object): void => {
  const compilerOptions = {
    target: "es2023",
    lib: ["ES2023", "DOM"],
    types: ["node"],
    noEmit: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    skipLibCheck: false,
    ...options
  }
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }))
}

/** Runs programs side by side; those that fail are its problems. */
const runAll = async (project: string, program: ReadonlyArray<string>, programs: ReadonlyArray<Program>) => {
  const files = JSON.stringify(programs.map(({ file }) => basename(file)))
  writeFileSync(
    join(project, "run.mjs"),
    `const failed = []
const run = (file) => import("./" + file).catch((error) => failed.push(file + ": " + error.message))
await Promise.all(${files}.map(run))
if (failed.length > 0) console.error(failed.join("\\n"))
process.exit(failed.length > 0 ? 1 : 0)
`
  )
  await sh(project, program, "run.mjs")
  return []
}

/** Whether the packages could be installed. */
const tryManager = async (project: string, manager: Manager): Promise<boolean> => {
  const { foreign, name, program, tool } = manager
  if (!(await cell(`${name}: install`, () => install(project, manager)))) return false
  const programs = write(examples, project)
  setOptions(project, { module: "nodenext" })
  await cell(`${name}: types`, () => typeErrors(programs, [...tool, "tsc"]))
  const runs = programs.filter(({ example: { code, run } }) => run && !foreign?.test(code))
  await cell(`${name}: ${runs.length} examples`, () => runAll(project, program, runs))
  return true
}

const resolutions = {
  nodenext: { module: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler" }
}

/** Compiles the examples of a project with each TypeScript. */
const tryCompilers = async (project: string): Promise<void> => {
  const programs = write(examples, project)
  for (const name of ["typescript-5", "typescript-6", "typescript"]) {
    const compiler = join(name === "typescript" ? join(root, "node_modules") : compilers, name)
    for (const [resolution, options] of Object.entries(resolutions)) {
      setOptions(project, options)
      await cell(`TypeScript ${versionOf(compiler)}, ${resolution}`, () =>
        typeErrors(programs, ["node", join(compiler, "bin/tsc")])
      )
    }
  }
  setOptions(project, { ...resolutions.nodenext, lib: ["ES2023"] })
  await cell("types of Node.js without those of the DOM", () =>
    // The declarations of effect need the DOM.
    typeErrors(programs, ["tsc"]).filter((problem) => !problem.includes("/node_modules/effect/"))
  )
}

/** The README's first example with what it imports and nothing else, the types of Node.js neither. */
const tryFirstExample = async (project: string, ...effect: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const example = findFirstExample()
  const file = join(project, "example.ts")
  await sh(project, npm.add, "@effect-ciba/core", "@effect-ciba/testing", ...effect)
  setOptions(project, { ...resolutions.nodenext, types: [] })
  writeFileSync(file, example.code)
  const problems = typeErrors([{ example, file }], ["tsc"])
  writeFileSync(file, assertive(example))
  if (problems.length === 0) await sh(project, ["node", file])
  return problems
}

const tryNextEffect = async (project: string): Promise<void> => {
  const tags = JSON.parse(await sh(project, ["npm", "view", "effect", "dist-tags", "--json"]))
  const tag = ["next", "beta"].find((tag) => tag in tags)
  if (tag === undefined) return console.log("skipped effect@next: the registry has neither next nor beta")
  const effect = `effect@${tags[tag]}`
  await cell(`${effect} (${tag})`, () => tryFirstExample(project, effect, "--legacy-peer-deps"), "differs")
}

/** Publishes the packages in the two steps of a release; the package managers install what it has made `latest`. */
const tryRelease = async (folder: string, registry: string, packages: ReadonlyArray<Packed>) => {
  appendFileSync(join(folder, ".npmrc"), `${registry.replace("http:", "")}/:_authToken=any\n`)
  const target = { folder, registry }
  const expect = async (what: string, found: ReadonlyArray<unknown>, count: number) =>
    found.length === count ? [] : [`${found.length} of ${packages.length} packages are ${what}, and not ${count}`]
  const publishAll = async (count: number) => expect("published", await publish(target, packages), count)
  const checkLatest = async (count: number) => expect("latest", await listLatest(target, packages), count)

  await cell("release: publish under next", () => publishAll(packages.length))
  await cell("release: publish again, which changes nothing", () => publishAll(0))
  await cell("release: nothing is latest before it is verified", () => checkLatest(0))
  await cell("release: verify", async () => {
    await verify(target, packages, [inWorkspace("effect")])
    return []
  })
  await cell("release: promote", async () => {
    await promote(target, packages)
    return checkLatest(packages.length)
  })
}

const folder = mkdtempSync(join(tmpdir(), "effect-ciba-"))
try {
  const registry = await serve()
  const project = (manager: Manager, name = manager.name) => make(folder, name, manager, registry.origin)
  await tryRelease(project(npm, "release"), registry.origin, pack(folder))
  for (const manager of managers) {
    const installed = await tryManager(project(manager), manager)
    if (installed && manager === npm) await tryCompilers(join(folder, npm.name))
  }
  await cell("core and testing alone", () => tryFirstExample(project(npm, "alone"), inWorkspace("effect")))
  await tryNextEffect(project(npm, "next"))
  registry.close()
} finally {
  rmSync(folder, { recursive: true })
}
