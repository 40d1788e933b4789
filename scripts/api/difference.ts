// How two texts of declarations differ, module by module.

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

/** The lines of both, in order: removed ones with `-`, added ones with `+`, common ones with a blank. */
const compare = (before: ReadonlyArray<string>, after: ReadonlyArray<string>): ReadonlyArray<string> => {
  const width = after.length + 1
  const common = new Uint32Array((before.length + 1) * width)
  const at = (i: number, j: number): number => common[i * width + j] ?? 0
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      common[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const lines: Array<string> = []
  let [i, j] = [0, 0]
  while (i < before.length || j < after.length) {
    if (i < before.length && before[i] === after[j]) {
      lines.push(`  ${before[i++]}`)
      j++
    } else if (j >= after.length || (i < before.length && at(i + 1, j) >= at(i, j + 1))) lines.push(`- ${before[i++]}`)
    else lines.push(`+ ${after[j++]}`)
  }
  return lines
}

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
