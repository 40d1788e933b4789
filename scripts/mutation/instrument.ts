// Writes all mutants of a source into it: which of them is active is chosen while it runs.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Instrumenter } from "@stryker-mutator/instrumenter"

/** One place of a source, and what it is replaced by. */
export interface Mutant {
  readonly id: string
  readonly file: string
  readonly line: number
  readonly mutator: string
  readonly original: string
  readonly replacement: string
}

interface Position {
  readonly line: number
  readonly column: number
}

const ignore = () => {}
const no = () => false

const silent = {
  isTraceEnabled: no,
  isDebugEnabled: no,
  isInfoEnabled: no,
  isWarnEnabled: no,
  isErrorEnabled: no,
  isFatalEnabled: no,
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  fatal: ignore
}

const options = { excludedMutations: [], ignorers: [], plugins: null }

/** Lines and columns begin at 0. */
const textBetween = (source: string, start: Position, end: Position): string => {
  const lines = source.split("\n").slice(start.line, end.line + 1)
  const last = lines.length - 1
  return lines
    .map((line, index) => line.slice(index === 0 ? start.column : 0, index === last ? end.column : undefined))
    .join("\n")
}

/** Instruments the files, whose paths are relative to the workspace. */
export const instrument = async (workspace: string, files: ReadonlyArray<string>): Promise<ReadonlyArray<Mutant>> => {
  const sources = new Map(files.map((file) => [file, readFileSync(join(workspace, file), "utf8")]))
  const given = Array.from(sources, ([name, content]) => ({ name, content, mutate: true }))
  const { files: instrumented, mutants } = await new Instrumenter(silent).instrument(given, options)
  for (const { content, name } of instrumented) writeFileSync(join(workspace, name), content)
  return mutants.map(({ fileName: file, id, location: { end, start }, mutatorName: mutator, replacement }) => ({
    id,
    file,
    line: start.line + 1,
    mutator,
    original: textBetween(sources.get(file) ?? "", start, end),
    replacement
  }))
}
