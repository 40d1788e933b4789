/**
 * Signed JSON Web Tokens in compact serialization: signing, and verifying with one key and one expected algorithm. Claims
 * are validated where the token is used.
 *
 * @see RFC 7515, RFC 7519, RFC 8725
 */
import { Effect, Redacted, Result, Schema } from "effect"
import * as jose from "jose"
import * as BoundedJson from "../internal/BoundedJson.ts"
import { sanitize } from "../internal/DisplayText.ts"
import * as ErrorClass from "../internal/ErrorClass.ts"
import { decisive, lenient } from "../internal/ForeignMember.ts"
import type { JsonWebKey } from "./JsonWebKey.ts"
import * as JwsAlgorithm from "./JwsAlgorithm.ts"
import type { SigningKey } from "./SigningKey.ts"

/** The token is not a signed JWT in compact form. */
export class MalformedToken extends ErrorClass.make<MalformedToken>()(
  "MalformedToken",
  {
    /** It has the five parts of an encrypted token. */
    encrypted: Schema.optionalKey(Schema.Literal(true)),
    /** What in its header excludes it. */
    problem: Schema.optionalKey(Schema.String)
  },
  ["the token is not a signed JSON Web Token in compact form", "fixKeys"],
  {
    message: ({ encrypted, problem }) => {
      if (encrypted === true) {
        return "the token is encrypted, and no key to decrypt it is configured; provide IdTokenDecryption.layer"
      }
      return problem === undefined
        ? "the token is not a signed JSON Web Token in compact form"
        : `the token is not of the expected form: ${problem}`
    }
  }
) {}

/** The signature does not belong to the token, the key or the algorithm. */
export class InvalidSignature extends ErrorClass.make<InvalidSignature>()(
  "InvalidSignature",
  { algorithm: Schema.String, keyId: Schema.optionalKey(Schema.String) },
  ["the signature does not verify with the issuer's key", "fixKeys"],
  {
    message: ({ algorithm, keyId }) =>
      algorithm.startsWith("HS")
        ? `the signature (${algorithm}) does not verify with the client secret`
        : `the signature (${algorithm}) does not verify with the issuer's key${keyId === undefined ? "" : ` "${keyId}"`}`
  }
) {}

/** The issuer's key cannot be imported. */
export class UnusableKey extends ErrorClass.make<UnusableKey>()(
  "UnusableKey",
  {
    algorithm: Schema.String,
    keyId: Schema.optionalKey(Schema.String),
    /** This runtime does not have the algorithm: no other key of the issuer's would help. */
    unsupported: Schema.optionalKey(Schema.Literal(true))
  },
  ["the key that the issuer publishes for the token cannot be used", "fixKeys"]
) {}

const headerMembers = Schema.Struct({
  alg: Schema.String,
  /** It decides nothing: it only chooses, and without one each key that fits is tried. */
  kid: lenient(Schema.String),
  typ: decisive(Schema.String),
  crit: Schema.optionalKey(Schema.Unknown)
})

/** The header members by which a verification key is chosen, before anything is verified. */
export type Header = typeof headerMembers.Type

/** Claims before they are encoded. */
export type Claims = { readonly [claim: string]: unknown }

/** Claims beside those that the library sets, none of which they replace. */
export type AdditionalClaims = Schema.JsonObject

/**
 * The claims that the library sets, and the additional ones. What is not JSON is left out: a function with the name
 * `toJSON` would replace all claims when they are encoded.
 */
export const addClaims = (own: Claims, additional: AdditionalClaims | undefined): Claims =>
  additional === undefined
    ? own
    : { ...Object.fromEntries(Object.entries(additional).filter(([, value]) => isJson(value))), ...own }

/** The first additional claim that the library sets, or that is not JSON. */
export const findInvalidClaim = (
  additional: AdditionalClaims | undefined,
  reserved: ReadonlySet<string>
): string | undefined => {
  for (const [name, value] of Object.entries(additional ?? {})) {
    if (reserved.has(name)) return `${name} is a parameter of the request or set by the library`
    if (!isJson(value)) return `${name} is not JSON`
  }
  return undefined
}

/** Header members beside those that the library sets; none that changes how the token is processed. */
export type AdditionalHeader = Schema.JsonObject & {
  readonly [member in "alg" | "b64" | "crit" | "kid" | "typ"]?: never
}

/** A token with these claims. Each run signs again. */
export const sign = (
  claims: Claims,
  options: {
    readonly key: SigningKey
    readonly type?: string | undefined
    readonly header?: AdditionalHeader | undefined
    /** The public key that the header carries in the place of a `kid` (DPoP). */
    readonly jwk?: JsonWebKey | undefined
  }
): Effect.Effect<Redacted.Redacted<string>> => {
  const { header, jwk, key, type } = options
  return Effect.promise(() =>
    new jose.CompactSign(encoder.encode(JSON.stringify(claims)))
      .setProtectedHeader({
        ...header,
        alg: key.algorithm,
        ...(key.keyId === undefined || jwk !== undefined ? undefined : { kid: key.keyId }),
        ...(type === undefined ? undefined : { typ: type }),
        ...(jwk === undefined ? undefined : { jwk })
      })
      .sign(Redacted.value(key.material))
  ).pipe(Effect.map((jwt) => Redacted.make(jwt, { label: "JWT" })))
}

/** The protected header of a token. */
export const readHeader = (jwt: Redacted.Redacted<string>): Result.Result<Header, MalformedToken> =>
  makeReadHeader()(jwt)

/** Reads protected headers. The last one is kept, since tokens that are signed with one key have the same. */
export const makeReadHeader = (): ((jwt: Redacted.Redacted<string>) => Result.Result<Header, MalformedToken>) => {
  let last: { readonly encoded: string | undefined; readonly header: Header } | undefined
  return (jwt) => {
    const parts = Redacted.value(jwt).split(".")
    if (parts.length !== 3) return Result.fail(new MalformedToken(parts.length === 5 ? { encrypted: true } : {}))
    const [encoded] = parts
    if (last !== undefined && encoded === last.encoded) return Result.succeed(last.header)
    return Result.mapBoth(decodeHeader(encoded), {
      onFailure: () => new MalformedToken(),
      onSuccess: (header) => {
        last = { encoded, header }
        return header
      }
    })
  }
}

/**
 * The claims of a token, once its signature verifies with the key (a JWK, or a shared secret) and the expected algorithm.
 *
 * jose takes the JWK as it is, refuses it if its `use`, `key_ops` or `alg` do not fit, and imports it once for each object:
 * reduce a foreign key by `JsonWebKey.requiredMembers`, and pass the same object each time.
 */
export const verify = (
  jwt: Redacted.Redacted<string>,
  {
    algorithm,
    key
  }: { readonly algorithm: JwsAlgorithm.JwsAlgorithm; readonly key: JsonWebKey | Redacted.Redacted<string> }
): Effect.Effect<unknown, InvalidSignature | UnusableKey | MalformedToken> => {
  const material = Redacted.isRedacted(key) ? encoder.encode(Redacted.value(key)) : key
  const fields = {
    algorithm,
    ...(Redacted.isRedacted(key) || key.kid === undefined ? undefined : { keyId: sanitize(key.kid) })
  }
  return Effect.tryPromise({
    try: () => jose.compactVerify(Redacted.value(jwt), material, { algorithms: namesOf(algorithm) }),
    catch: (error) =>
      Redacted.isRedacted(key) || isAboutToken(error)
        ? new InvalidSignature(fields)
        : new UnusableKey(isUnsupported(error) ? { ...fields, unsupported: true } : fields)
  }).pipe(
    Effect.flatMap(({ payload, protectedHeader }) =>
      // An unencoded payload (RFC 7797) is legal in a JWS, and forbidden in a JWT.
      protectedHeader.b64 === false || !isCanonical(jwt)
        ? Effect.fail(new MalformedToken())
        : Effect.mapError(decodeClaims(decoder.decode(payload)), () => new MalformedToken())
    )
  )
}

/**
 * Whether the signature is canonical base64url (RFC 4648 section 3.5). It is the only part of a token that no signature
 * covers: with spare bits, padding or white space, one token would have many valid encodings.
 */
const isCanonical = (jwt: Redacted.Redacted<string>): boolean =>
  /^[^.]*\.[^.]*\.([\w-]{4})*([\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?$/.test(Redacted.value(jwt))

const decodeHeader = Schema.decodeUnknownResult(
  Schema.StringFromBase64Url.pipe(Schema.decodeTo(BoundedJson.fromJsonString(headerMembers)))
)

const isUnsupported = (error: unknown): boolean =>
  error instanceof jose.errors.JOSENotSupported || (error instanceof Error && error.name === "NotSupportedError")

const isAboutToken = (error: unknown): boolean =>
  error instanceof jose.errors.JWSSignatureVerificationFailed ||
  error instanceof jose.errors.JWSInvalid ||
  error instanceof jose.errors.JOSEAlgNotAllowed

/** The names of the algorithm that a header may have. */
const namesOf = (algorithm: JwsAlgorithm.JwsAlgorithm): Array<string> =>
  JwsAlgorithm.isSame(algorithm, "Ed25519") ? ["Ed25519", "EdDSA"] : [algorithm]

const isJson = Schema.is(Schema.Json)

const encoder = new TextEncoder()

const decoder = new TextDecoder()

const decodeClaims = Schema.decodeUnknownEffect(BoundedJson.Json)
