// The README's first example: the first program of a user, and the last check of a release.
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { assertive, type Example, extract } from "./doc-examples.ts"

const root = resolve(import.meta.dirname, "..")

export const findFirstExample = (): Example => {
  const text = readFileSync(join(root, "README.md"), "utf8")
  const line = text.split("\n").indexOf("<!-- packed-example -->") + 1
  const example = extract("README.md", text).find((example) => line > 0 && example.line > line)
  if (example === undefined) throw new Error("README.md has no ts fence after <!-- packed-example -->")
  if (assertive(example) === example.code) throw new Error(`README.md:${example.line}: the example asserts nothing`)
  return example
}
