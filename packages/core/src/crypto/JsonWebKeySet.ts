/**
 * A provider's published keys, and the choice among them.
 *
 * **Details**
 *
 * - A key that cannot be read is passed over; it does not spoil the others.
 * - Keys may share a `kid`: type, curve, algorithm and use decide as well, and every candidate is offered.
 *
 * @see RFC 7517 section 5, OpenID Connect Core 10.1
 */
import { Result, Schema } from "effect"
import { JsonWebKey } from "./JsonWebKey.ts"
import * as JwsAlgorithm from "./JwsAlgorithm.ts"

const Document = Schema.Struct({ keys: Schema.Array(Schema.Unknown) })

/** The keys of a set that could be read. */
export interface JsonWebKeySet {
  readonly keys: ReadonlyArray<JsonWebKey>
}

/** Reads a JWK set document. */
export const decode = (document: unknown): Result.Result<JsonWebKeySet, Schema.SchemaError> =>
  Result.map(Schema.decodeUnknownResult(Document)(document), ({ keys }) => ({ keys: keys.flatMap(readable) }))

/** The keys that may have signed a token with this algorithm and, where it names one, this `kid`. */
export const candidates = (
  set: JsonWebKeySet,
  token: { readonly algorithm: JwsAlgorithm.Asymmetric; readonly keyId: string | undefined }
): ReadonlyArray<JsonWebKey> => {
  const shape = JwsAlgorithm.keyType(token.algorithm)
  return set.keys.filter(
    (key) =>
      key.kty === shape.kty &&
      (shape.crv === undefined || key.crv === shape.crv) &&
      (key.use === undefined || key.use === "sig") &&
      (key.alg === undefined || sameAlgorithm(key.alg, token.algorithm)) &&
      (token.keyId === undefined || key.kid === token.keyId)
  )
}

const readable = (key: unknown): ReadonlyArray<JsonWebKey> =>
  Result.match(Schema.decodeUnknownResult(JsonWebKey)(key), { onFailure: () => [], onSuccess: (read) => [read] })

const sameAlgorithm = (published: string, expected: JwsAlgorithm.Asymmetric): boolean =>
  published === expected ||
  (JwsAlgorithm.keyType(expected).crv === "Ed25519" && (published === "EdDSA" || published === "Ed25519"))
