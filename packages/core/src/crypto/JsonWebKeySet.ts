/**
 * A JWK Set, and the choice of the keys that may verify a token.
 *
 * **Details**
 *
 * - A member that is not a JWK is ignored; the other keys of the set are used.
 * - Keys may share a `kid`: type, curve, `alg` and `use` decide as well, and all candidates are returned.
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
    ({ published: { alg, crv, key_ops, kid, kty, use } }) =>
      kty === expected.kty &&
      (expected.crv === undefined || crv === expected.crv) &&
      (use === undefined || use === "sig") &&
      isForSignatures(key_ops) &&
      (alg === undefined || JwsAlgorithm.isSame(alg, token.algorithm)) &&
      (token.keyId === undefined || kid === token.keyId)
  )
  const complete = fitting.length > maxCandidates ? fitting.filter(({ key }) => KeyShape.isComplete(key)) : []
  return (complete.length > 0 ? complete : fitting).slice(0, maxCandidates).map(({ key }) => key)
}

/** The key operations of others are no concern of this library's, as long as they are those of signatures. */
const isForSignatures = (operations: unknown): boolean =>
  !Array.isArray(operations) ||
  operations.length === 0 ||
  operations.some((name) => name === "sign" || name === "verify")

const decodeKey = (member: unknown): ReadonlyArray<PublishedKey> =>
  Option.toArray(Option.flatMap(KeyMembers.read(member), decodeMembers)).flatMap((published) => {
    const material = KeyMembers.material(requiredMembers(published))
    const key = { ...material, ...Struct.pick(published, ["kid"]) }
    return RsaKey.isWithinLimits(material) ? [{ published, key }] : []
  })

const decodeMembers = Schema.decodeUnknownOption(JsonWebKey)

/** How many keys are tried for one token: what a stranger's set may cost. */
const maxCandidates = 16
