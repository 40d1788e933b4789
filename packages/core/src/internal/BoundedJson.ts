/**
 * JSON of others, with a limit on its depth: code that compares, encodes or formats a value that is nested deeper would
 * exhaust the stack.
 */
import { Predicate, Schema, SchemaGetter, SchemaTransformation } from "effect"

const maxDepth = 100

/** Whether a value is nested at most so deep, and each of its leaves is one. */
const isBounded = (value: unknown, isLeaf: (leaf: unknown) => boolean, levels: number = maxDepth): boolean =>
  Predicate.isObjectKeyword(value)
    ? levels > 0 && Object.values(value).every((member) => isBounded(member, isLeaf, levels - 1))
    : isLeaf(value)

const isAnyLeaf = (): boolean => true

/** `JSON.parse` makes infinity of a number that is out of range, such as 1e999. */
const isFiniteLeaf = (leaf: unknown): boolean => typeof leaf !== "number" || Number.isFinite(leaf)

const Shallow: Schema.fromJsonString<Schema.Unknown> = Schema.fromJsonString(Schema.Unknown).check(
  Schema.makeFilter((value) => isBounded(value, isAnyLeaf), {
    expected: `JSON that is nested at most ${maxDepth} levels deep`
  })
)

/** A JSON text, decoded by `schema` once its depth is known. */
export const fromJsonString = <S extends Schema.Constraint>(
  schema: S
): Schema.decodeTo<S, Schema.fromJsonString<Schema.Unknown>> =>
  Shallow.pipe(Schema.decodeTo(schema, SchemaTransformation.passthroughSubtype()))

const isJson = (value: unknown): value is Schema.Json => isBounded(value, isFiniteLeaf)

/** `null` in the place of what is nested too deep, and the nearest number in that of infinity. */
const prune = (value: unknown, levels: number): Schema.Json => {
  if (typeof value === "number") return Math.max(-Number.MAX_VALUE, Math.min(value, Number.MAX_VALUE))
  if (typeof value === "string" || typeof value === "boolean") return value
  if (!Predicate.isObjectKeyword(value) || levels === 0) return null
  return Array.isArray(value)
    ? value.map((member) => prune(member, levels - 1))
    : Object.fromEntries(Object.entries(value).map(([name, member]) => [name, prune(member, levels - 1)]))
}

/** `Schema.Json` would look again at what is known of a JSON text. */
const AnyJson = Schema.declare((value): value is Schema.Json => value !== undefined)

/** Any JSON text: a response that cannot be had again is not refused over a member that nothing depends on. */
export const Json: Schema.Codec<Schema.Json, string> = Schema.fromJsonString(Schema.Unknown).pipe(
  Schema.decodeTo(AnyJson, {
    decode: SchemaGetter.transform((value) => (isJson(value) ? value : prune(value, maxDepth))),
    encode: SchemaGetter.passthroughSupertype()
  })
)
