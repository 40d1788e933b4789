/**
 * Optional members of documents that others write, by what depends on them. One that decides is read strictly. One that is
 * handed on counts as absent if it cannot be read: a response that cannot be had again is not refused over it.
 */
import { Option, Predicate, Redacted, Schema, SchemaGetter } from "effect"
import * as SecretText from "./SecretText.ts"

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

/** A name that decides, if it is there. `null` or an empty text is none. */
export const name = (
  schema: Schema.Codec<string>
): Optional<string, string, Schema.optionalKey<Schema.NullOr<Schema.Codec<string>>>> => {
  const given: Schema.Codec<string> = Schema.Union([Schema.Literal(""), schema])
  return Schema.optionalKey(Schema.NullOr(given)).pipe(
    Schema.decodeTo(Schema.optionalKey(Schema.toType(schema)), {
      decode: SchemaGetter.transformOptional<string, string | null>(
        Option.filter((value): value is string => value !== null && value !== "")
      ),
      encode: SchemaGetter.transform<string | null, string>((value) => value)
    })
  )
}

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

/** A secret that decides, if it is there. `null` or an empty text is none. */
export const secret = (
  label: string
): Schema.decodeTo<
  Schema.optionalKey<typeof SecretText.SecretText>,
  Schema.optionalKey<Schema.NullOr<Schema.String>>
> =>
  Schema.optionalKey(Schema.NullOr(Schema.String)).pipe(
    Schema.decodeTo(Schema.optionalKey(SecretText.SecretText), {
      decode: SchemaGetter.transformOptional<Redacted.Redacted<string>, string | null>((member) =>
        Option.map(
          Option.filter(member, (text): text is string => text !== null && text !== ""),
          (text) => Redacted.make(text, { label })
        )
      ),
      encode: SecretText.forbid(label)
    })
  )

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

type Lenient<A, E> = Optional<A, E, Schema.optionalKey<Schema.Unknown>>

/** A text that is handed on. */
export const text: Lenient<string, string> = (() => lenient(Schema.String))()

/** A URL, without white space around it; an empty one is none. */
export const url: Lenient<string, string> = (() => lenient(Schema.Trim.pipe(Schema.decodeTo(Schema.NonEmptyString))))()

/** A list of texts that is handed on. What is no text or empty in it is left out, a text is the list of its words, and a longer list counts as far as `maxEntries`. */
export const list: Lenient<ReadonlyArray<string>, string | ReadonlyArray<unknown>> = (() =>
  lenient(
    Schema.Union([Schema.String, Schema.Array(Schema.Unknown)]).pipe(
      Schema.decodeTo(Schema.Array(Schema.String), {
        decode: SchemaGetter.transform((value) =>
          typeof value === "string"
            ? value.split(/\s+/, maxEntries).filter((word) => word !== "")
            : value
                .slice(0, maxEntries)
                .filter(Predicate.isString)
                .filter((text) => text !== "")
        ),
        encode: SchemaGetter.transform((values): string | ReadonlyArray<unknown> => values)
      })
    )
  ))()

/** A text that some servers send as the list of its words. */
export const words: Lenient<string, string | ReadonlyArray<unknown>> = (() =>
  lenient(
    Schema.Union([Schema.String, Texts]).pipe(
      Schema.decodeTo(Schema.String, {
        decode: SchemaGetter.transform((value) => (typeof value === "string" ? value : value.join(" "))),
        encode: SchemaGetter.transform((value): string | ReadonlyArray<string> => value)
      })
    )
  ))()

/** A flag that is handed on, also as a text in any letter case. */
export const flag: Lenient<boolean, boolean | string> = (() =>
  lenient(
    Schema.Union([Schema.Boolean, Schema.String.check(Schema.isPattern(/^(true|false)$/i))]).pipe(
      Schema.decodeTo(Schema.Boolean, {
        decode: SchemaGetter.transform((value) => String(value).toLowerCase() === "true"),
        encode: SchemaGetter.transform((value): boolean | string => value)
      })
    )
  ))()
