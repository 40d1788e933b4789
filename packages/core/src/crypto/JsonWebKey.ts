/**
 * JSON Web Keys (JWK).
 *
 * **Details**
 *
 * - Only the members by which a key is chosen are typed; all others pass through.
 *
 * **Example** (The public half of a key, and its thumbprint)
 *
 * ```ts
 * import { JsonWebKey } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const key = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", d: "private", kid: "1" }
 *
 * Object.keys(JsonWebKey.toPublic(key)) // => ["kty", "crv", "x", "kid"]
 * await Effect.runPromise(JsonWebKey.thumbprint(key)) // => "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
 * ```
 *
 * @see RFC 7517, RFC 7638
 */
import { Effect, Option, Predicate, Redacted, Schema } from "effect"
import { InvalidKey } from "./InvalidKey.ts"
import * as KeyMembers from "./KeyMembers.ts"
import * as TokenHash from "./TokenHash.ts"

const members = Schema.Struct({
  kty: Schema.NonEmptyString,
  kid: Schema.optionalKey(Schema.String),
  alg: Schema.optionalKey(Schema.String),
  use: Schema.optionalKey(Schema.String)
})

/**
 * A key of any type, public or private.
 *
 * @since 0.1.0
 * @stability stable
 */
export type JsonWebKey = typeof members.Type & { readonly [member: string]: unknown }

/**
 * Schema of a key of any type.
 *
 * @since 0.1.0
 * @stability stable
 */
export const JsonWebKey: Schema.Codec<JsonWebKey> = Schema.StructWithRest(members, [
  Schema.Record(Schema.String, Schema.Unknown)
])

/**
 * Decodes a private key; `purpose` names its use in the error.
 *
 * @since 0.1.0
 * @stability stable
 */
export const fromPrivate = Effect.fnUntraced(function* (
  jwk: Redacted.Redacted<unknown>,
  purpose: string
): Effect.fn.Return<JsonWebKey, InvalidKey> {
  const key = yield* Effect.mapError(
    Effect.fromOption(Option.flatMap(KeyMembers.read(Redacted.value(jwk)), decode)),
    () => new InvalidKey({ problem: describeOther(Redacted.value(jwk)) })
  )
  if (key.kty === "oct") {
    return yield* new InvalidKey({ problem: `it is a symmetric key; ${purpose} needs a private one` })
  }
  return (key.kty === "AKP" ? key.priv : key.d) === undefined
    ? yield* new InvalidKey({ problem: `it is a public key; ${purpose} needs the private one` })
    : key
})

const describeOther = (value: unknown): string =>
  Predicate.hasProperty(value, "keys")
    ? "it is a set of keys; pass one of them, with its private members"
    : "it is not a JSON Web Key; pass the parsed object, with its private members"

/**
 * The key without private and symmetric members, and without `key_ops`.
 *
 * @since 0.1.0
 * @stability stable
 */
export const toPublic = (key: JsonWebKey): JsonWebKey => {
  const {
    d: _d,
    p: _p,
    q: _q,
    dp: _dp,
    dq: _dq,
    qi: _qi,
    oth: _oth,
    k: _k,
    priv: _priv,
    key_ops: _ops,
    ext: _ext,
    ...rest
  } = key
  return rest
}

/**
 * The required members of a public key (RFC 7638 section 3.2), without any other.
 *
 * @since 0.1.0
 * @stability stable
 */
export const requiredMembers = (key: JsonWebKey): JsonWebKey => ({
  ...Object.fromEntries((required.get(key.kty) ?? []).map((name) => [name, key[name]])),
  kty: key.kty
})

/**
 * The SHA-256 thumbprint (RFC 7638): the `jkt` of tokens that are bound to the key.
 *
 * @since 0.1.0
 * @stability stable
 */
export const thumbprint = (key: JsonWebKey): Effect.Effect<string> =>
  TokenHash.sha256(Redacted.make(encode(requiredMembers(key))))

/** In the order of the thumbprint. */
const required: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["AKP", ["alg", "kty", "pub"]],
  ["EC", ["crv", "kty", "x", "y"]],
  ["OKP", ["crv", "kty", "x"]],
  ["RSA", ["e", "kty", "n"]]
])

const encode = Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))

const decode = Schema.decodeUnknownOption(JsonWebKey)
