// The doc comment at the top of a module, as Markdown with its tags.
import { readFileSync } from "node:fs"

export const readHeader = (file: string): string => {
  const [, header = ""] = /^\/\*\*([\s\S]*?)\*\//.exec(readFileSync(file, "utf8")) ?? []
  return header.replaceAll(/^ \* ?/gm, "").trim()
}
