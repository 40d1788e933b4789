// The package managers, as a user of each would call it.
import { join, resolve } from "node:path"
import { binaryOf, runtimes } from "../../e2e/runtimes/Runtime.ts"

type Command = readonly [string, ...ReadonlyArray<string>]

export interface Manager {
  readonly name: string
  /** What adds packages to a project. */
  readonly add: Command
  /** What runs an installed tool. */
  readonly tool: Command
  /** What runs a program. */
  readonly program: Command
  /** The file that makes it take the packed packages from a registry. */
  readonly configure: (registry: string) => readonly [file: string, text: string]
  /** The TypeScript that its projects have, as the workspace names it. */
  readonly typescript: "typescript" | "typescript-6"
  /** The examples that cannot run, since the runtime is not theirs. */
  readonly foreign?: RegExp
  /** A line of its output on a peer that is missing or of another version; Bun says nothing of these. */
  readonly complaint?: RegExp
}

const root = resolve(import.meta.dirname, "../..")
const pnpm = join(root, "scripts/pnpm/node_modules/.bin/pnpm")
const yarn = join(root, "scripts/worlds/node_modules/@yarnpkg/cli-dist/bin/yarn.js")
const bun = runtimes.filter(({ name }) => name === "Bun").map(binaryOf)

const npmrc = (registry: string) => [".npmrc", `@effect-ciba:registry=${registry}/\n`] as const

export const npm: Manager = {
  name: "npm",
  add: ["npm", "install"],
  tool: ["npm", "exec", "--"],
  program: ["node"],
  configure: npmrc,
  typescript: "typescript",
  complaint: /^npm warn/
}

export const managers: ReadonlyArray<Manager> = [
  npm,
  {
    name: "pnpm",
    add: [pnpm, "add"],
    tool: [pnpm, "exec"],
    program: ["node"],
    configure: npmrc,
    typescript: "typescript",
    complaint: /WARN|peer/
  },
  {
    // Without node_modules: a package that imports what it does not declare fails, and so does a peer that it lacks.
    name: "yarn",
    add: ["node", yarn, "add"],
    tool: ["node", yarn],
    program: ["node", yarn, "node"],
    configure: (registry) => [
      ".yarnrc.yml",
      `npmScopes: { effect-ciba: { npmRegistryServer: "${registry}" } }\nunsafeHttpWhitelist: ["127.0.0.1"]\n`
    ],
    // TypeScript 7 cannot read Yarn's archives.
    typescript: "typescript-6",
    // Not YN0086 "by dependencies": @effect/platform-node demands redis, which only users of its module for Redis need.
    complaint: /YN0002|YN0060|YN0086.*by your project/
  },
  ...bun.map(
    (binary): Manager => ({
      name: "bun",
      add: [binary, "add"],
      tool: [binary, "run"],
      program: [binary],
      configure: npmrc,
      typescript: "typescript",
      foreign: /@effect-ciba\/(durable|platform-node)/
    })
  )
]
