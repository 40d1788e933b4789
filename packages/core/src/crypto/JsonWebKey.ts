/**
 * JSON Web Keys (RFC 7517), as far as choosing and publishing them needs.
 */
import { Effect, Redacted, Schema } from "effect"
import { InvalidKey } from "./InvalidKey.ts"
import * as TokenHash from "./TokenHash.ts"

const members = Schema.Struct({
  kty: Schema.NonEmptyString,
  kid: Schema.optionalKey(Schema.String),
  alg: Schema.optionalKey(Schema.String),
  use: Schema.optionalKey(Schema.String)
})

/** A key; members that are not listed here pass through unread. */
export type JsonWebKey = typeof members.Type & { readonly [member: string]: unknown }

/** Schema of a key. */
export const JsonWebKey: Schema.Codec<JsonWebKey> = Schema.StructWithRest(members, [
  Schema.Record(Schema.String, Schema.Unknown)
])

/** Reads a private key; `purpose` says in a failure what it is needed for. */
export const fromPrivate = Effect.fnUntraced(function* (
  jwk: Redacted.Redacted<unknown>,
  purpose: string
): Effect.fn.Return<JsonWebKey, InvalidKey> {
  const key = yield* Effect.mapError(
    decode(Redacted.value(jwk)),
    () => new InvalidKey({ problem: "it is not a JSON Web Key; pass the parsed object, with its private members" })
  )
  return (key.kty === "AKP" ? key.priv : key.d) === undefined ? yield* publicKeyError(purpose) : key
})

/** A public key where a private one is needed. */
export const publicKeyError = (purpose: string): InvalidKey =>
  new InvalidKey({ problem: `it is a public key; ${purpose} needs the private one` })

/** The key without its private and symmetric members. */
export const toPublic = (key: JsonWebKey): JsonWebKey => {
  const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, oth: _oth, k: _k, priv: _priv, key_ops: _ops, ...rest } = key
  return rest
}

/** The members that make a public key the key it is, and no other (RFC 7638 section 3.2). */
export const requiredMembers = (key: JsonWebKey): JsonWebKey => ({
  ...Object.fromEntries((essential.get(key.kty) ?? []).map((name) => [name, key[name]])),
  kty: key.kty
})

/** The key's thumbprint (RFC 7638): the `jkt` of what is bound to it. */
export const thumbprint = (key: JsonWebKey): Effect.Effect<string> =>
  TokenHash.sha256(Redacted.make(encode(requiredMembers(key))))

/** In the order of the thumbprint. */
const essential: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["AKP", ["alg", "kty", "pub"]],
  ["EC", ["crv", "kty", "x", "y"]],
  ["OKP", ["crv", "kty", "x"]],
  ["RSA", ["e", "kty", "n"]]
])

const encode = Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))

const decode = Schema.decodeUnknownEffect(JsonWebKey)
