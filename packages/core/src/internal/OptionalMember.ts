/** A member of a class that may be given as `undefined`, and is then absent when it is encoded. */
import { Option, Predicate, Schema, SchemaGetter } from "effect"

/** The schema of such a member. `Schema.optional` alone would encode `undefined` to `null` in JSON. */
export const optional = <S extends Schema.Top>(
  schema: S
): Schema.decodeTo<Schema.optional<Schema.toType<S>>, Schema.optionalKey<S>> =>
  Schema.optionalKey(schema).pipe(
    Schema.decodeTo(Schema.optional(Schema.toType(schema)), {
      decode: SchemaGetter.passthrough(),
      encode: SchemaGetter.transformOptional(Option.filter(Predicate.isNotUndefined))
    })
  )
