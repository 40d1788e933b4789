// Private words in a file and in its name.
import { posix } from "node:path"
import type { Finding } from "../Finding.ts"
import { lineAt, type Source } from "../source.ts"
import { banned } from "./banned.ts"
import { ofCode, ofProse, type Text } from "./text.ts"

/** The words around a match as they stand in the file, on one line. */
const excerpt = (text: string, { offsets, words }: Text, start: number, end: number): string => {
  const before = /(?<=[\0 ])[^\0]{0,40}$/.exec(words.slice(0, start))?.[0].length ?? 0
  const after = /^[^\0]{0,40}(?=[\0 ])/.exec(words.slice(end))?.[0].length ?? 0
  return text
    .slice(offsets[start - before], offsets[end + after])
    .replaceAll(/\s*\n[\s/*>]*/g, " ")
    .replaceAll(/^[\s/*]+|[\s/*]+$/g, "")
}

const search = (path: string, text: string, found: Text, where: string): ReadonlyArray<Finding> =>
  banned.flatMap(({ instead, pattern }) =>
    [...found.words.matchAll(pattern)].map(({ 0: match, index }) => ({
      path,
      line: lineAt(text, found.offsets[index] ?? 0),
      rule: "word",
      problem: `"${match}" in ${where}${excerpt(text, found, index, index + match.length)}`,
      mend: `Write: ${instead}`
    }))
  )

const inName = (path: string): ReadonlyArray<Finding> => {
  const file = posix.basename(path)
  return search(path, file, ofProse(file.replaceAll(/[-.]/g, " ")), "the name of the file: ")
}

export const checkDocument = (path: string, text: string): ReadonlyArray<Finding> => [
  ...inName(path),
  ...search(path, text, ofProse(text), "")
]

export const check = (source: Source): ReadonlyArray<Finding> => [
  ...inName(source.path),
  ...search(source.path, source.text, ofCode(source), "")
]
