/**
 * JSON of others, with a limit on its depth: code that compares, encodes or formats a value that is nested deeper would
 * exhaust the stack.
 */
import { Predicate, Schema, SchemaTransformation } from "effect"

const maxDepth = 100

/** Whether a value is nested at most so deep, and each of its leaves is one. */
const isBounded = (value: unknown, isLeaf: (leaf: unknown) => boolean, levels: number = maxDepth): boolean =>
  Predicate.isObjectKeyword(value)
    ? levels > 0 && Object.values(value).every((member) => isBounded(member, isLeaf, levels - 1))
    : isLeaf(value)

const isAnyLeaf = (): boolean => true

/** `JSON.parse` makes infinity of a number that is out of range, such as 1e999. */
const isFiniteLeaf = (leaf: unknown): boolean => typeof leaf !== "number" || Number.isFinite(leaf)

const expected = `JSON that is nested at most ${maxDepth} levels deep`

const Shallow: Schema.fromJsonString<Schema.Unknown> = Schema.fromJsonString(Schema.Unknown).check(
  Schema.makeFilter((value) => isBounded(value, isAnyLeaf), { expected })
)

/** A JSON text, decoded by `schema` once its depth is known. */
export const fromJsonString = <S extends Schema.Constraint>(
  schema: S
): Schema.decodeTo<S, Schema.fromJsonString<Schema.Unknown>> =>
  Shallow.pipe(Schema.decodeTo(schema, SchemaTransformation.passthroughSubtype()))

/** Any JSON text. What `Schema.Json` would check again is known of what a JSON text holds. */
export const Json: Schema.Codec<Schema.Json, string> = Schema.fromJsonString(
  Schema.Unknown.pipe(
    Schema.refine((value): value is Schema.Json => isBounded(value, isFiniteLeaf), {
      expected: `${expected}, with finite numbers`
    })
  )
)
