// The text of a file in which words are looked for: prose, and of code its comments, strings and identifiers.
import { type Source, walk } from "../source.ts"
import { boundary } from "./banned.ts"

export interface Text {
  /** Words with one space between them: camelCase is split, lines are joined, what is not searched is a boundary. */
  readonly words: string
  /** For each character of `words` its offset in the file. */
  readonly offsets: ReadonlyArray<number>
}

const foreign = [
  /\b[a-z][a-z\d+.-]*:\/\/[^\s"'`<>)\]}]+/gi, // a URL
  /(?<=\]\()[^()\s]+(?=\))/g, // the target of a link in Markdown
  /@[a-z\d-]+\/[\w./-]+/g // a package
]

const blank = (text: string, pattern: RegExp, filler: string): string =>
  text.replace(pattern, (match) => filler.repeat(match.length))

const split = (text: string): Text => {
  const masked = foreign.reduce((rest, pattern) => blank(rest, pattern, boundary), text)
  const offsets = [0]
  let words = boundary
  const push = (character: string, offset: number) => {
    words += character
    offsets.push(offset)
  }
  for (const [index, character] of [...masked.split(""), boundary].entries()) {
    const isHump = /^([a-z\d][A-Z]|[A-Z][A-Z][a-z])/.test(masked.slice(Math.max(0, index - 1), index + 2))
    const next = /[\s_]/.test(character) ? " " : character
    if (isHump && index > 0) push(" ", index)
    if ((next !== " " && next !== boundary) || !words.endsWith(next)) push(next, index)
  }
  return { words, offsets }
}

export const ofProse = (text: string): Text => split(blank(text, /^[ \t]*>/gm, " "))

interface Region {
  readonly start: number
  readonly text: string
}

/** Nodes whose `source` is left out: a file has its name elsewhere. */
const imports = new Set([
  "ImportDeclaration",
  "ImportExpression",
  "TSImportType",
  "ExportAllDeclaration",
  "ExportNamedDeclaration"
])

const stringsAndNames = ({ program, text }: Source): ReadonlyArray<Region> => {
  const skipped = new Set<unknown>()
  const names = new Set<string>()
  const regions: Array<Region> = []
  walk(program, (node) => {
    if (imports.has(node.type)) skipped.add(node.source)
    if (skipped.has(node)) return false
    if (node.type === "Identifier" || node.type === "PrivateIdentifier") {
      const word = String(node.name)
      if (!names.has(word)) regions.push({ start: text.indexOf(word, node.start), text: word })
      names.add(word)
    }
    if ((node.type === "Literal" && typeof node.value === "string") || node.type === "TemplateElement") {
      const raw = text.slice(node.start, node.end)
      regions.push({ start: node.start, text: blank(blank(raw, /\\[bfnrtv]/g, " "), /^["'`]|["'`]$/g, boundary) })
    }
    return undefined
  })
  return regions
}

const comments = ({ comments, text }: Source): ReadonlyArray<Region> =>
  comments.map(({ end, start, type }, index) => {
    const next = comments[index + 1]
    const goesOn = type === "Line" && next?.type === "Line" && text.slice(end, next.start).trim() === ""
    const words = blank(text.slice(start, goesOn ? next.start : end), /^\/(\/+|\*+)|^[ \t]*\*+(?!\/)|\*+\/$/gm, " ")
    return { start, text: words }
  })

/** Every comment and string, and each name once. */
export const ofCode = (source: Source): Text => {
  const masked = boundary.repeat(source.text.length).split("")
  for (const { start, text } of [...stringsAndNames(source), ...comments(source)])
    masked.splice(start, text.length, ...text.split(""))
  return split(masked.join(""))
}
