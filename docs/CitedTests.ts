// The tests that a page links to, by their titles.
import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import { read, walk } from "../scripts/source.ts"

const root = resolve(import.meta.dirname, "..")

export type Citation = readonly [title: string, link: string]

/** The links to test files; a title may be a part of what the test has. */
export const readCitations = (text: string): ReadonlyArray<Citation> =>
  Array.from(text.matchAll(/\[([^\]]+)\]\(([^)]+\.test\.ts)\)/g), ([, title = "", link = ""]) => [title, link] as const)

/** The strings of a test file, including the parts of its templates. */
const texts = (path: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  walk(read(root, path).program, (node) => {
    const text = node.type === "TemplateElement" ? Object(node.value).cooked : node.value
    if (typeof text === "string") found.push(text)
    return undefined
  })
  return found
}

/** Whether the file has a test of this title, of which a part may be given. */
export const exists = ([title, link]: Citation): boolean => {
  const path = join("docs", link)
  return existsSync(join(root, path)) && texts(path).some((text) => text.includes(title))
}
