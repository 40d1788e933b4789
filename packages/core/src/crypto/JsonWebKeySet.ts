/**
 * A JWK Set, and the choice of the keys that may verify a token.
 *
 * **Details**
 *
 * - A member that is not a JWK is ignored; the other keys of the set are used.
 * - Keys may share a `kid`: type, curve, `alg` and `use` decide as well, and all candidates are returned.
 * - A key without a `kid` may be the one that a token names: it is a candidate if no other key has that name.
 *
 * @see RFC 7517 section 5, OpenID Connect Core 10.1
 */
import { Option, Result, Schema, Struct } from "effect"
import { maxEntries } from "../internal/ForeignMember.ts"
import { JsonWebKey, requiredMembers } from "./JsonWebKey.ts"
import * as JwsAlgorithm from "./JwsAlgorithm.ts"
import * as KeyMembers from "./KeyMembers.ts"
import * as KeyShape from "./KeyShape.ts"
import * as RsaKey from "./RsaKey.ts"

const Document = Schema.Struct({ keys: Schema.Array(Schema.Unknown) })

/** A key of the set. */
export interface PublishedKey {
  /** The key with all members. */
  readonly published: JsonWebKey
  /** The required members and the `kid`: `key_ops`, `use` and `alg` would make jose refuse keys that are chosen here. */
  readonly key: JsonWebKey
}

/** The keys of a JWK Set. */
export interface JsonWebKeySet {
  readonly keys: ReadonlyArray<PublishedKey>
}

/** Decodes a JWK Set document. */
export const decode = (document: unknown): Result.Result<JsonWebKeySet, Schema.SchemaError> =>
  Result.map(Schema.decodeUnknownResult(Document)(document), ({ keys }) => ({
    keys: keys.slice(0, maxEntries).flatMap(decodeKey)
  }))

/**
 * The keys that may have signed a token with this algorithm and, if it names one, this `kid`. A key is the same object each
 * time, since jose imports a key once for each object.
 */
export const candidates = (
  set: JsonWebKeySet,
  token: { readonly algorithm: JwsAlgorithm.Asymmetric; readonly keyId: string | undefined }
): ReadonlyArray<JsonWebKey> => {
  const expected = JwsAlgorithm.keyType(token.algorithm)
  const fitting = set.keys.filter(
    ({ published: { alg, crv, key_ops, kty, use } }) =>
      kty === expected.kty &&
      (expected.crv === undefined || crv === expected.crv) &&
      (use === undefined || use.toLowerCase() === "sig") &&
      isForSignatures(key_ops) &&
      (alg === undefined || !isOther(alg, token.algorithm))
  )
  const named = chooseNamed(fitting, token.keyId)
  const complete = named.length > maxCandidates ? named.filter(({ key }) => KeyShape.isComplete(key)) : []
  return (complete.length > 0 ? complete : named).slice(0, maxCandidates).map(({ key }) => key)
}

/** The keys that the token may name. */
const chooseNamed = (keys: ReadonlyArray<PublishedKey>, keyId: string | undefined): ReadonlyArray<PublishedKey> => {
  if (keyId === undefined) return keys
  const named = keys.filter(({ published: { kid } }) => kid === keyId)
  return named.length > 0 ? named : keys.filter(({ published: { kid } }) => kid === undefined)
}

/** Whether this is the name of another algorithm. What names none, such as `RSA` or `rs256`, says nothing. */
const isOther = (name: string, algorithm: JwsAlgorithm.Asymmetric): boolean =>
  !JwsAlgorithm.isSame(name, algorithm) && (JwsAlgorithm.isAsymmetric(name) || keyManagement.test(name))

/** The names of RFC 7518 section 4.1 for asymmetric keys. */
const keyManagement = /^(RSA1_5|RSA-OAEP|ECDH-ES)/

/** The key operations of others are no concern of this library's, unless they are those of encryption alone. */
const isForSignatures = (operations: unknown): boolean =>
  !Array.isArray(operations) ||
  operations.some((name) => name === "sign" || name === "verify") ||
  !operations.some((name) => encryption.has(name))

/** The key operations of RFC 7517 section 4.3 that are not those of signatures. */
const encryption = new Set<unknown>(["encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"])

const decodeKey = (member: unknown): ReadonlyArray<PublishedKey> =>
  Option.toArray(Option.flatMap(KeyMembers.read(member), decodeMembers)).flatMap((published) => {
    const material = KeyMembers.material(requiredMembers(published))
    const key = { ...material, ...Struct.pick(published, ["kid"]) }
    return RsaKey.isWithinLimits(material) ? [{ published, key }] : []
  })

const decodeMembers = Schema.decodeUnknownOption(JsonWebKey)

/** How many keys are tried for one token: what a stranger's set may cost. */
const maxCandidates = 16
