// The documents that are pages, in the order in which a reader needs them.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { list } from "../scripts/source.ts"
import type { Group, Page } from "./Page.ts"

/** Sources by their beginning. A document of `docs` that none of these leads to comes under "More". */
const order: ReadonlyArray<readonly [title: string, sources: ReadonlyArray<string>]> = [
  ["Start", ["docs/getting-started.md", "docs/the-flow.md", "examples/README.md"]],
  [
    "Guides",
    [
      "docs/ping-and-push.md",
      "docs/resuming.md",
      "docs/many-machines.md",
      "docs/several-providers.md",
      "docs/frameworks.md",
      "docs/without-effect.md",
      "docs/coming-from-"
    ]
  ],
  [
    "Operation",
    ["docs/configuration.md", "docs/errors.md", "docs/observability.md", "docs/testing.md", "docs/security.md"]
  ],
  ["Providers and profiles", ["docs/providers.md", "docs/profiles.md", "docs/profiles/"]],
  [
    "Evidence",
    [
      "docs/runtimes.md",
      "docs/performance.md",
      "docs/faults.md",
      "docs/interoperability.md",
      "docs/conformance.md",
      "docs/mutation.md",
      "docs/requirements.md"
    ]
  ],
  ["More", ["docs/"]],
  ["Development", ["SECURITY.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "packages/"]],
  ["Decisions", ["docs/decisions/"]]
]

const isDocument = /^(docs\/.+|examples\/README|packages\/[^/]+\/CHANGELOG|(?!README)[A-Z]+)\.md$/

/** The documents of the repository in their groups, with the links that they have there. */
export const documents = (root: string): ReadonlyArray<Group> => {
  const sources = list(root, ".", isDocument)
  const places = new Map(sources.map((source) => [source, placeOf(source)]))
  return order.map(([title, beginnings]) => ({
    title,
    pages: beginnings
      .flatMap((beginning) => sources.filter((source) => places.get(source) === beginning))
      .map((source) => read(root, source))
  }))
}

/** The longest beginning of a path in the order. */
const placeOf = (source: string): string | undefined =>
  order
    .flatMap(([, beginnings]) => beginnings)
    .filter((beginning) => source.startsWith(beginning))
    .toSorted((one, other) => other.length - one.length)[0]

/** A table of five columns: it has the room in which the headings of other pages are listed. */
const isWide = /^\|([ :]*-+[ :]*\|){5}/m

const read = (root: string, source: string): Page => {
  const text = readFileSync(join(root, source), "utf8")
  const [, title] = /^# (.+)$/m.exec(text) ?? []
  if (title === undefined) throw new Error(`${source} has no title: begin it with "# "`)
  return {
    source,
    path: toPath(source),
    title,
    text: `${isWide.test(text) ? "---\naside: false\n---\n\n" : ""}${text}`
  }
}

const toPath = (source: string): string =>
  source
    .replace(/^docs\//, "")
    .replace(/^([A-Z]+\.md)$/, (name) => `project/${name.toLowerCase()}`)
    .replace(/\/(README|CHANGELOG)\.md$/, ".md")
