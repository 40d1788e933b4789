/**
 * JSON of others, with a limit on its depth: code that compares, encodes or formats a value that is nested deeper would
 * exhaust the stack.
 */
import { Predicate, Schema, SchemaTransformation } from "effect"

const maxDepth = 100

/** Measures level by level: recursion would exhaust the stack here. */
const isShallow = (value: unknown): boolean => {
  let level = [value].filter(Predicate.isObjectKeyword)
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === maxDepth) return false
    level = level.flatMap((parent) => Object.values(parent).filter(Predicate.isObjectKeyword))
  }
  return true
}

const Shallow: Schema.fromJsonString<Schema.Unknown> = Schema.fromJsonString(Schema.Unknown).check(
  Schema.makeFilter(isShallow, { expected: `JSON that is nested at most ${maxDepth} levels deep` })
)

/** A JSON text, decoded by `schema` once its depth is known. */
export const fromJsonString = <S extends Schema.Constraint>(
  schema: S
): Schema.decodeTo<S, Schema.fromJsonString<Schema.Unknown>> =>
  Shallow.pipe(Schema.decodeTo(schema, SchemaTransformation.passthroughSubtype()))
