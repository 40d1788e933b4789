// What a coding assistant reads in a package: AGENTS.md and llms.txt, from the manifest and the headers of the public modules.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { readHeader } from "./module-header.ts"

export interface AgentPages {
  readonly "AGENTS.md": string
  readonly "llms.txt": string
}

interface Manifest {
  readonly name: string
  readonly description: string
  readonly homepage: string
  readonly exports: Readonly<Record<string, string>>
}

interface Module {
  readonly path: string
  /** Below the folder of the package. */
  readonly source: string
  readonly summary: string
  readonly use: string | undefined
  readonly example: string | undefined
}

/** What costs an approval or shows a secret, and what a program looks like that does it by accident. */
const hazards = `1. **Never repeat an authentication request.** Each \`Ciba.authenticate\` or \`Ciba.initiate\` contacts the end-user's device. No \`Effect.retry\` around them, no \`HttpClient.retry\` below
   them, no retrying fetch, dispatcher or proxy: the library repeats what may be repeated, polls included. After an error, \`error.next\` says whether to ask again; after
   \`OutcomeUnknown\` the end-user may have approved: ask them, and send no other request.
2. **Never use what was not verified.** Tokens and claims come from \`Ciba.complete\` or \`Ciba.authenticate\`. Do not decode an ID Token by hand, do not take the body of a token response, a ping or
   a push as an identity, and do not turn a failed verification into a warning.
3. **Never print or store secrets in clear.** An \`auth_req_id\`, a client notification token, tokens, hints and user codes are \`Redacted\`: \`Redacted.value\` belongs where one is sent, and nowhere else.
   Store a pending authentication through a \`PendingStore\` or \`PendingAuthentication.seal\`, and log neither headers nor bodies of the \`HttpClient\` below.`

/** The pages of the package in this folder. */
export const agentPages = (folder: string): AgentPages => {
  const manifest: Manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  const modules = Object.entries(manifest.exports)
    .filter(([path, source]) => path !== "." && source.endsWith(".ts"))
    .map(([path, source]) => readModule(folder, path.slice(2), source))
  const first = modules.find(({ example, path }) => example !== undefined && manifest.name.endsWith(homes[path] ?? "?"))
  return { "AGENTS.md": describe(manifest, modules, first), "llms.txt": index(manifest, modules) }
}

/** The module that a package is used through, by the end of the package's name. */
const homes: Readonly<Record<string, string>> = {
  Ciba: "/core",
  NodeCiba: "/platform-node",
  CibaTest: "/testing",
  WaitWorker: "/durable"
}

const readModule = (folder: string, path: string, source: string): Module => {
  const text = readHeader(join(folder, source))
  const [summary = ""] = text.split(/\n\n/, 1)
  return {
    path,
    source,
    summary: toLine(summary),
    use: section(text, "When to use"),
    example: /```ts\n([\s\S]*?)```/.exec(text)?.[1]
  }
}

const section = (text: string, title: string): string | undefined => {
  const [, found] = new RegExp(`\\*\\*${title}\\*\\*\\n\\n([\\s\\S]*?)\\n\\n`).exec(text) ?? []
  return found === undefined ? undefined : toLine(found)
}

const toLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, " ").trim()

const describe = (
  { description, homepage, name }: Manifest,
  modules: ReadonlyArray<Module>,
  first: Module | undefined
): string =>
  `${[
    `# ${name}, for coding assistants`,
    `${description}. CIBA (OpenID Connect Client-Initiated Backchannel Authentication) asks an end-user to approve something on a device of their own, while the program waits.`,
    "Effect 4: look up its API in `node_modules/effect/AGENTS.md`, and do not write Effect 3.",
    "## Three ways to hurt oneself",
    hazards,
    ...(first === undefined ? [] : [`## ${first.path}`, `\`\`\`ts\n${first.example?.trimEnd()}\n\`\`\``]),
    "## Modules",
    modules.map(({ path, summary, use }) => `- \`${path}\`: ${[summary, use].filter(Boolean).join(" ")}`).join("\n"),
    "Each source, under `src`, begins with a header that has details and an example that was run.",
    `Guides, and what each error means and asks for: ${homepage}`
  ].join("\n\n")}\n`

const index = ({ description, homepage, name }: Manifest, modules: ReadonlyArray<Module>): string =>
  `${[
    `# ${name}`,
    `> ${description}`,
    "The three ways to hurt oneself, and an example: AGENTS.md in the package.",
    "## Modules",
    modules.map(({ path, source, summary }) => `- [${path}](${toUrl(homepage, source)}): ${summary}`).join("\n")
  ].join("\n\n")}\n`

const toUrl = (homepage: string, source: string): string =>
  `${homepage.replace("/tree/", "/blob/").replace(/#.*$/, "")}/${source.replace(/^\.\//, "")}`
