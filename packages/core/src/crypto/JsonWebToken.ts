/**
 * Signed JSON Web Tokens in compact form: signing, and verifying with one key and one expected algorithm.
 *
 * Claims are not judged here; whoever expects a token says what its claims must be.
 *
 * @see RFC 7515, RFC 7519, RFC 8725
 */
import { Effect, Redacted, Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import * as jose from "jose"
import * as BoundedJson from "../internal/BoundedJson.ts"
import { sanitize } from "../internal/DisplayText.ts"
import type { JsonWebKey } from "./JsonWebKey.ts"
import type * as JwsAlgorithm from "./JwsAlgorithm.ts"
import type { SigningKey } from "./SigningKey.ts"

/** The token is not a signed JWT in compact form. */
export class MalformedToken extends Schema.TaggedError<MalformedToken>()("MalformedToken", {}) {
  override get message(): string {
    return "The token is not a signed JSON Web Token in compact form"
  }
}

/** The signature does not belong to the token, the key or the algorithm. */
export class InvalidSignature extends Schema.TaggedError<InvalidSignature>()("InvalidSignature", {
  algorithm: Schema.String,
  keyId: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `The signature (${this.algorithm}) does not verify with the issuer's key${this.keyId === undefined ? "" : ` "${this.keyId}"`}`
  }
}

const headerMembers = Schema.Struct({
  alg: Schema.String,
  kid: Schema.optionalKey(Schema.String),
  typ: Schema.optionalKey(Schema.String)
})

/** The header members by which a verification key is chosen. They are not verified. */
export type Header = typeof headerMembers.Type

/** Claims as they are written. */
export type Claims = { readonly [claim: string]: unknown }

/** Claims beside the library's own, none of which they replace; or a function that makes what is signed from those. */
export type AdditionalClaims = Claims | ((own: Claims) => Claims)

/** The library's own claims with the further ones. */
export const addClaims = (own: Claims, further: AdditionalClaims | undefined): Claims =>
  typeof further === "function" ? further(own) : { ...further, ...own }

/** Header members beyond those of the library, and none that changes how the token is read. */
export type AdditionalHeader = Schema.JsonObject & {
  readonly [member in "alg" | "b64" | "crit" | "kid" | "typ"]?: never
}

/** A signed token over the claims, fresh at each run. */
export const sign = (
  claims: Claims,
  options: {
    readonly key: SigningKey
    readonly type?: string | undefined
    readonly header?: AdditionalHeader | undefined
    /** The public key, where the header is to carry it. */
    readonly jwk?: JsonWebKey | undefined
  }
): Effect.Effect<Redacted.Redacted<string>> => {
  const { header, jwk, key, type } = options
  return Effect.map(
    Effect.promise(() =>
      new jose.CompactSign(new TextEncoder().encode(encodeClaims(claims)))
        .setProtectedHeader({
          ...header,
          alg: key.algorithm,
          ...(key.keyId === undefined || jwk !== undefined ? undefined : { kid: key.keyId }),
          ...(type === undefined ? undefined : { typ: type }),
          ...(jwk === undefined ? undefined : { jwk })
        })
        .sign(Redacted.value(key.material))
    ),
    (jwt) => Redacted.make(jwt, { label: "JWT" })
  )
}

/** The protected header of a token. */
export const readHeader = (jwt: Redacted.Redacted<string>): Result.Result<Header, MalformedToken> => {
  const parts = Redacted.value(jwt).split(".")
  return parts.length !== 3 || parts[0] === undefined
    ? Result.fail(new MalformedToken())
    : Base64Url.decodeString(parts[0]).pipe(
        Result.flatMap(decodeHeader),
        Result.mapError(() => new MalformedToken())
      )
}

/**
 * The claims of a token whose signature verifies with this key and this algorithm. Whatever algorithm the token names,
 * only the expected one counts.
 */
export const verify = Effect.fnUntraced(function* (
  jwt: Redacted.Redacted<string>,
  options: { readonly algorithm: JwsAlgorithm.JwsAlgorithm; readonly key: JsonWebKey | Redacted.Redacted<string> }
): Effect.fn.Return<unknown, InvalidSignature | MalformedToken> {
  const { algorithm, key } = options
  const verified = yield* Effect.tryPromise({
    try: () =>
      material(key, algorithm).then((material) =>
        jose.compactVerify(Redacted.value(jwt), material, { algorithms: [algorithm] })
      ),
    catch: () =>
      new InvalidSignature({
        algorithm,
        ...(Redacted.isRedacted(key) || key.kid === undefined ? undefined : { keyId: sanitize(key.kid) })
      })
  })
  // An unencoded payload (RFC 7797) is legal in a JWS, and forbidden in a JWT.
  if (verified.protectedHeader.b64 === false || !isSpelledOnce(jwt)) return yield* new MalformedToken()
  return yield* Effect.mapError(decodeClaims(new TextDecoder().decode(verified.payload)), () => new MalformedToken())
})

/**
 * Whether the signature has the one spelling that base64url gives its bytes (RFC 4648 section 3.5). It is the only part
 * that no signature covers: spare bits, padding and white space would make other tokens of a good one.
 */
const isSpelledOnce = (jwt: Redacted.Redacted<string>): boolean =>
  /^[^.]*\.[^.]*\.([\w-]{4})*([\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?$/.test(Redacted.value(jwt))

type Material = ReturnType<typeof jose.importJWK>

/** Keys are imported once for each algorithm, as long as they live. A key object that is shared between clients is one key. */
const imported = new WeakMap<JsonWebKey, Map<JwsAlgorithm.JwsAlgorithm, Material>>()

const material = (key: JsonWebKey | Redacted.Redacted<string>, algorithm: JwsAlgorithm.JwsAlgorithm): Material => {
  if (Redacted.isRedacted(key)) return Promise.resolve(new TextEncoder().encode(Redacted.value(key)))
  const known = imported.get(key) ?? new Map<JwsAlgorithm.JwsAlgorithm, Material>()
  const ready = known.get(algorithm) ?? jose.importJWK(key, algorithm)
  imported.set(key, known.set(algorithm, ready))
  return ready
}

const decodeHeader = Schema.decodeUnknownResult(BoundedJson.fromJsonString(headerMembers))

const encodeClaims = Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))

const decodeClaims = Schema.decodeUnknownEffect(BoundedJson.fromJsonString(Schema.Unknown))
