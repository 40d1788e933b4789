/**
 * JSON that others wrote: nested no deeper than anything that is meant. What is deeper could be read, and whoever wrote,
 * compared or showed it afterwards would run out of stack.
 */
import { Schema, SchemaTransformation } from "effect"

/** How deep arrays and objects may lie in each other. */
const deepest = 100

const isShallow = (text: string): boolean => {
  let depth = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (quoted) {
      if (character === "\\") at++
      else if (character === '"') quoted = false
    } else if (character === '"') quoted = true
    else if (character === "[" || character === "{") {
      depth++
      if (depth > deepest) return false
    } else if (character === "]" || character === "}") depth--
  }
  return true
}

const Shallow = Schema.String.check(Schema.makeFilter(isShallow, { expected: "JSON that is not nested too deep" }))

/** Schema of a text of JSON. */
export const fromJsonString = <S extends Schema.Constraint>(schema: S): Schema.decodeTo<S, Schema.String> =>
  Shallow.pipe(Schema.decodeTo(schema, SchemaTransformation.fromJsonString()))
