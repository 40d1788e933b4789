/**
 * JSON of others, with a limit on its depth: code that compares, encodes or formats a value that is nested deeper would
 * exhaust the stack.
 */
import { Predicate, Schema, SchemaTransformation } from "effect"

const maxDepth = 100

const isShallow = (value: unknown, levels: number): boolean =>
  !Predicate.isObjectKeyword(value) ||
  (levels > 0 && Object.values(value).every((member) => isShallow(member, levels - 1)))

const Shallow: Schema.fromJsonString<Schema.Unknown> = Schema.fromJsonString(Schema.Unknown).check(
  Schema.makeFilter((value) => isShallow(value, maxDepth), {
    expected: `JSON that is nested at most ${maxDepth} levels deep`
  })
)

/** A JSON text, decoded by `schema` once its depth is known. */
export const fromJsonString = <S extends Schema.Constraint>(
  schema: S
): Schema.decodeTo<S, Schema.fromJsonString<Schema.Unknown>> =>
  Shallow.pipe(Schema.decodeTo(schema, SchemaTransformation.passthroughSubtype()))
