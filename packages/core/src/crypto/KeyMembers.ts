/** The members of a JSON Web Key as others write it. */
import { Option, Record, Schema } from "effect"

/** A key's members. One that is `null` or empty is none, nor is a name that is no text. */
export const read = (value: unknown): Option.Option<Readonly<Record<string, unknown>>> =>
  Option.map(decode(value), (members) =>
    Record.filter(
      members,
      (member, name) => member !== null && member !== "" && !(names.has(name) && typeof member !== "string")
    )
  )

/** Those that the key consists of: what stands beside them (`key_ops`, `ext`, `x5c`) does not decide how it is imported. */
export const material = <K extends { readonly kty: string }>(key: K): { readonly kty: string } => ({
  ...Record.filter({ ...key }, (_, name) => materials.has(name)),
  kty: key.kty
})

const names = new Set(["kid", "alg", "use"])

const materials = new Set([
  "alg",
  "crv",
  "x",
  "y",
  "n",
  "e",
  "d",
  "p",
  "q",
  "dp",
  "dq",
  "qi",
  "oth",
  "k",
  "pub",
  "priv"
])

const decode = Schema.decodeUnknownOption(Schema.Record(Schema.String, Schema.Unknown))
