/** The members of a JSON Web Key as others write it. */
import { Option, Record, Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"

/** A key's members. One that is `null` or empty is none, nor is a name that is no text. */
export const read = (value: unknown): Option.Option<Readonly<Record<string, unknown>>> =>
  Option.map(decode(value), (members) =>
    Record.filter(
      members,
      (member, name) => member !== null && member !== "" && !(names.has(name) && typeof member !== "string")
    )
  )

/** A key with nothing but its material. */
export type Material = { readonly kty: string } & Readonly<Record<string, unknown>>

/**
 * The members that the key consists of, in the encoding of RFC 7518: Web Crypto need not read another. What stands beside
 * them (`key_ops`, `ext`, `x5c`) does not decide how it is imported.
 */
export const material = (key: Material): Material => {
  const members: Readonly<Record<string, unknown>> = key
  const length = lengthOf(key)
  const own = Record.filter(members, (_, name) => binary.has(name) || others.has(name))
  return {
    ...Record.map(own, (member, name) =>
      typeof member === "string" && binary.has(name) ? encode(member, length) : member
    ),
    kty: key.kty
  }
}

/** The bytes of a member, also if it is padded or in plain base64. */
export const decodeBinary = (member: string): Result.Result<Uint8Array, unknown> =>
  Base64Url.decode(
    member
      .replaceAll(/\s|=+$/g, "")
      .replaceAll("+", "-")
      .replaceAll("/", "_")
  )

/** Integers have no zeros before them, or as many as their length demands; other bytes stay as they are. */
const encode = (member: string, length: number | undefined): string =>
  Result.match(decodeBinary(member), {
    onFailure: () => member,
    onSuccess: (bytes) => Base64Url.encode(length === undefined ? bytes : pad(bytes, length))
  })

const pad = (bytes: Uint8Array, length: number): Uint8Array => {
  const first = bytes.findIndex((byte) => byte !== 0)
  const digits = bytes.subarray(first === -1 ? bytes.length : first)
  const padded = new Uint8Array(Math.max(length, digits.length))
  padded.set(digits, padded.length - digits.length)
  return padded
}

/** How many bytes the integers of the key have at least; `undefined` if it has none. */
const lengthOf = ({ crv, kty }: Material): number | undefined =>
  kty === "RSA" ? 0 : kty === "EC" ? coordinates.get(crv) : undefined

const coordinates = new Map<unknown, number>([
  ["P-256", 32],
  ["P-384", 48],
  ["P-521", 66]
])

const names = new Set(["kid", "alg", "use"])

const others = new Set(["kty", "crv", "alg", "oth"])

const binary = new Set(["x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi", "k", "pub", "priv"])

const decode = Schema.decodeUnknownOption(Schema.Record(Schema.String, Schema.Unknown))
