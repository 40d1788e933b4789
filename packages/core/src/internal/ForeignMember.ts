/**
 * Optional members of documents that others write, by what depends on them. One that decides is read strictly. One that is
 * handed on counts as absent if it cannot be read: a response that cannot be had again is not refused over it.
 */
import { Option, Predicate, Schema, SchemaGetter } from "effect"

/** An optional member, and what it is decoded from. */
type Optional<A, E, From extends Schema.Constraint> = Schema.decodeTo<
  Schema.optionalKey<Schema.toType<Schema.Codec<A, E>>>,
  From
>

/** A member that decides, if it is there. `null` is none. */
export const decisive = <A, E>(
  schema: Schema.Codec<A, E>
): Optional<A, E, Schema.optionalKey<Schema.NullOr<Schema.Codec<A, E>>>> =>
  Schema.optionalKey(Schema.NullOr(schema)).pipe(
    Schema.decodeTo(Schema.optionalKey(Schema.toType(schema)), {
      decode: SchemaGetter.transformOptional<A, A | null>(Option.filter((value): value is A => value !== null)),
      encode: SchemaGetter.transform<A | null, A>((value) => value)
    })
  )

/** A member that is handed on. */
export const lenient = <A, E>(schema: Schema.Codec<A, E>): Optional<A, E, Schema.optionalKey<Schema.Unknown>> => {
  const decode = Schema.decodeUnknownOption(schema)
  return Schema.optionalKey(Schema.Unknown).pipe(
    Schema.decodeTo(Schema.optionalKey(Schema.toType(schema)), {
      decode: SchemaGetter.transformOptional<A, unknown>(Option.flatMap(decode)),
      encode: SchemaGetter.transform<unknown, A>((value) => value)
    })
  )
}

/** How many entries of a list are looked at: what is longer is no list of this protocol's. */
export const maxEntries: number = 1000

/** A list that others write. */
export const Values: Schema.$Array<Schema.Unknown> = Schema.Array(Schema.Unknown).check(Schema.isMaxLength(maxEntries))

/** A list of texts that others write. The first entry that is no text decides, and is the only one that is reported. */
export const Texts: Schema.refine<ReadonlyArray<string>, typeof Values> = Values.pipe(
  Schema.refine((values): values is ReadonlyArray<string> => values.every(Predicate.isString), {
    expected: "a list of texts"
  })
)
