// How two texts of declarations differ, module by module.
import { diff } from "node:util"

const heading = /^\/\/ (?=\S+$)/

const sections = (text: string): ReadonlyMap<string, ReadonlyArray<string>> => {
  const found = new Map<string, Array<string>>()
  let lines: Array<string> | undefined
  for (const line of text.split("\n")) {
    if (heading.test(line)) {
      lines = []
      found.set(line.replace(heading, ""), lines)
    } else if (line !== "") lines?.push(line)
  }
  return found
}

const marks = { "-1": "+", "0": " ", "1": "-" }

/** The lines of both, in order: removed ones with `-`, added ones with `+`, common ones with a blank. Node.js fails for none. */
const compare = (before: ReadonlyArray<string>, after: ReadonlyArray<string>): ReadonlyArray<string> =>
  before.length + after.length === 0
    ? []
    : diff(before, after).map(([operation, line]) => `${marks[operation]} ${line}`)

const context = 2

/** The changed lines and those around them; `…` stands for the others. */
const around = (lines: ReadonlyArray<string>): ReadonlyArray<string> => {
  const shown = lines.map((_, index) =>
    lines.slice(Math.max(0, index - context), index + context + 1).some((line) => !line.startsWith(" "))
  )
  return lines.flatMap((line, index) => (shown[index] ? [line] : shown[index - 1] ? ["  …"] : []))
}

/** Empty when the declarations are the same. */
export const difference = (before: string, after: string): string => {
  const [old, now] = [sections(before), sections(after)]
  return [...new Set([...old.keys(), ...now.keys()])]
    .sort()
    .flatMap((name) => {
      const lines = compare(old.get(name) ?? [], now.get(name) ?? [])
      if (old.has(name) && now.has(name) && lines.every((line) => line.startsWith(" "))) return []
      const what = !old.has(name) ? " (new module)" : !now.has(name) ? " (module removed)" : ""
      return [`${name}${what}`, ...around(lines).map((line) => `    ${line}`)]
    })
    .join("\n")
}
