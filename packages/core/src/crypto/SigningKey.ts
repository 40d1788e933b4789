/**
 * Signing keys: for client assertions, DPoP proofs and signed authentication requests.
 *
 * **When to use**
 *
 * `fromJwk` or `fromPem` for a registered key, `generate` for a DPoP key of this process, `generateJwk` for a key that is to be
 * registered and stored.
 *
 * **Details**
 *
 * - A key is read from a JWK, PEM (PKCS#8), a `CryptoKey` or a pair of them, and bound to one algorithm. It signs once when it is
 *   read: a key that does not fit its algorithm fails there, and not in the middle of a flow.
 * - The private key is `Redacted`.
 *
 * **Gotchas**
 *
 * - RSA keys under 2048 bits are refused (FAPI-CIBA 7.10).
 *
 * **Example** (A key from a JWK)
 *
 * ```ts
 * import { SigningKey } from "@effect-ciba/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const { privateJwk } = yield* SigningKey.generateJwk("ES256")
 *   const key = yield* SigningKey.fromJwk(privateJwk, { keyId: "2026-11" })
 *   return [key.algorithm, key.keyId]
 * })
 *
 * await Effect.runPromise(program) // => ["ES256", "2026-11"]
 * ```
 *
 * @see RFC 7515, RFC 7518 section 3, RFC 8037
 */
import { Effect, Redacted, Result } from "effect"
import * as jose from "jose"
import { attempt, InvalidKey } from "./InvalidKey.ts"
import * as Jwk from "./JsonWebKey.ts"
import * as JwsAlgorithm from "./JwsAlgorithm.ts"
import * as KeyMembers from "./KeyMembers.ts"
import * as Pem from "./Pem.ts"

/**
 * @since 0.1.0
 * @stability stable
 */
export { InvalidKey } from "./InvalidKey.ts"

/**
 * A private key or a client secret, bound to one algorithm.
 *
 * @since 0.1.0
 * @stability stable
 */
export class SigningKey {
  readonly algorithm: JwsAlgorithm.JwsAlgorithm
  readonly keyId: string | undefined
  /** The public key to register, with algorithm and key id; `undefined` if it is not known. */
  readonly publicJwk: Jwk.JsonWebKey | undefined
  readonly material: Redacted.Redacted<jose.CryptoKey | Uint8Array>

  constructor(options: {
    readonly algorithm: JwsAlgorithm.JwsAlgorithm
    readonly keyId?: string | undefined
    readonly publicJwk?: Jwk.JsonWebKey | undefined
    readonly material: jose.CryptoKey | Uint8Array
  }) {
    this.algorithm = options.algorithm
    this.keyId = options.keyId
    this.publicJwk = options.publicJwk
    this.material = Redacted.make(options.material, { label: "signing key" })
  }
}

/**
 * A private key for an asymmetric algorithm, with its public key.
 *
 * @since 0.1.0
 * @stability stable
 */
export class KeyPair extends SigningKey {
  declare readonly algorithm: JwsAlgorithm.Asymmetric
  declare readonly publicJwk: Jwk.JsonWebKey
  /** The private key; `undefined` if it is not extractable. */
  readonly privateJwk: Redacted.Redacted<Jwk.JsonWebKey> | undefined

  constructor(options: {
    readonly algorithm: JwsAlgorithm.Asymmetric
    readonly keyId?: string | undefined
    readonly publicJwk: Jwk.JsonWebKey
    readonly privateJwk?: Redacted.Redacted<Jwk.JsonWebKey> | undefined
    readonly material: jose.CryptoKey | Uint8Array
  }) {
    super(options)
    this.privateJwk = options.privateJwk
  }
}

/**
 * The algorithm and the name of a key.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Options {
  /** The algorithm to sign with; required unless the JWK has an `alg`. */
  readonly algorithm?: JwsAlgorithm.Asymmetric | undefined
  /** The `kid` header of signed tokens; that of the JWK by default. */
  readonly keyId?: string | undefined
}

/**
 * A private key from a JWK (RFC 7517).
 *
 * @since 0.1.0
 * @stability stable
 */
export const fromJwk = Effect.fnUntraced(function* (
  jwk: Redacted.Redacted<unknown>,
  options?: Options
): Effect.fn.Return<KeyPair, InvalidKey> {
  const key = yield* Jwk.fromPrivate(jwk, "a signature")
  const algorithm = options?.algorithm ?? key.alg ?? ""
  if (!JwsAlgorithm.isAsymmetric(algorithm)) {
    return yield* new InvalidKey({ problem: 'it names no usable "alg"; pass the algorithm as an option' })
  }
  const expected = JwsAlgorithm.keyType(algorithm)
  if (key.kty !== expected.kty || (expected.crv !== undefined && key.crv !== expected.crv)) {
    return yield* unfit(algorithm)
  }
  if (key.use !== undefined && key.use !== "sig") {
    return yield* new InvalidKey({ problem: 'its "use" is not "sig"; pass the key that was made for signatures' })
  }
  const members = KeyMembers.material(key)
  const material = yield* importKey(algorithm, () => jose.importJWK(members, algorithm))
  const keyId = options?.keyId ?? key.kid
  const named = { ...key, ...members, ...publicMembers(algorithm, keyId) }
  const publicJwk = Jwk.toPublic(named)
  return yield* ensureSigning(new KeyPair({ algorithm, keyId, publicJwk, privateJwk: redactJwk(named), material }))
})

/**
 * A private key from PEM text in PKCS#8 form (`-----BEGIN PRIVATE KEY-----`). Text and certificates around it, quotes, and `\n`
 * as two characters do not matter.
 *
 * @since 0.1.0
 * @stability stable
 */
export const fromPem = Effect.fnUntraced(function* (
  pem: Redacted.Redacted<string>,
  options: Options & { readonly algorithm: JwsAlgorithm.Asymmetric }
): Effect.fn.Return<KeyPair, InvalidKey> {
  const found = yield* Effect.fromResult(
    Result.mapError(Pem.findPrivateKey(Redacted.value(pem)), (problem) => new InvalidKey({ problem }))
  )
  const { algorithm } = options
  if (found.type !== undefined && found.type !== typeOf(algorithm)) return yield* unfit(algorithm)
  const material = yield* importKey(algorithm, () => jose.importPKCS8(found.pem, algorithm, { extractable: true }))
  const jwk = yield* importKey(algorithm, () => jose.exportJWK(material))
  return yield* fromJwk(Redacted.make(jwk), options)
})

/**
 * A private key that is a `CryptoKey`. Its public key is not known: DPoP needs `fromCryptoKeyPair`.
 *
 * @since 0.1.0
 * @stability stable
 */
export const fromCryptoKey = (
  key: jose.CryptoKey,
  options: Options & { readonly algorithm: JwsAlgorithm.Asymmetric }
): Effect.Effect<SigningKey, InvalidKey> => ensureSigning(new SigningKey({ ...options, material: key }))

/**
 * A key pair of `CryptoKey`s. If the private key is not extractable, it cannot be stolen, and no other process can use the tokens
 * that are bound to it.
 *
 * **Example** (DPoP with a key that is not extractable)
 *
 * ```ts
 * import { Dpop, SigningKey } from "@effect-ciba/core"
 * import { Effect, Layer } from "effect"
 *
 * const pair = Effect.promise(() =>
 *   crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"])
 * )
 * const key = Effect.flatMap(pair, (keys) => SigningKey.fromCryptoKeyPair(keys, { algorithm: "ES256" }))
 *
 * Layer.isLayer(Dpop.layer({ key })) // => true
 * ```
 *
 * @since 0.1.0
 * @stability stable
 */
export const fromCryptoKeyPair = Effect.fnUntraced(function* (
  pair: { readonly privateKey: jose.CryptoKey; readonly publicKey: jose.CryptoKey },
  options: Options & { readonly algorithm: JwsAlgorithm.Asymmetric }
): Effect.fn.Return<KeyPair, InvalidKey> {
  const { algorithm, keyId } = options
  const { privateKey, publicKey } = pair
  const named = publicMembers(algorithm, keyId)
  const exportKey = (half: jose.CryptoKey) =>
    importKey(algorithm, () => jose.exportJWK(half).then((jwk) => ({ ...jwk, ...named })))
  const publicJwk = Jwk.toPublic(yield* exportKey(publicKey))
  const privateJwk = privateKey.extractable ? redactJwk(yield* exportKey(privateKey)) : undefined
  const key = new KeyPair({ algorithm, keyId, publicJwk, privateJwk, material: privateKey })
  return yield* ensurePair(yield* ensureSigning(key))
})

/**
 * The client secret, whose UTF-8 bytes are the key (OpenID Connect Core 10.1).
 *
 * @since 0.1.0
 * @stability stable
 */
export const fromSecret = (secret: Redacted.Redacted<string>, algorithm: JwsAlgorithm.Symmetric): SigningKey =>
  new SigningKey({ algorithm, material: new TextEncoder().encode(Redacted.value(secret)) })

/**
 * Properties of a generated key.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface GenerateOptions {
  /** The length of an RSA key in bits; 2048 by default, which is the minimum. */
  readonly modulusLength?: number | undefined
}

/**
 * A new key pair as JWKs: the private one to store, the public one to register.
 *
 * @since 0.1.0
 * @stability stable
 */
export const generateJwk = (
  algorithm: JwsAlgorithm.Asymmetric,
  options?: GenerateOptions
): Effect.Effect<{ readonly privateJwk: Redacted.Redacted<Jwk.JsonWebKey>; readonly publicJwk: Jwk.JsonWebKey }> =>
  Effect.gen(function* () {
    const { keyId, privateKey } = yield* generatePair(algorithm, true, options?.modulusLength)
    const jwk = yield* Effect.promise(() => jose.exportJWK(privateKey))
    const key = { ...jwk, ...publicMembers(algorithm, keyId), use: "sig" }
    return { privateJwk: redactJwk(key), publicJwk: Jwk.toPublic(key) }
  })

/**
 * A new signing key with its public key. It is extractable unless `extractable` is `false`.
 *
 * @since 0.1.0
 * @stability stable
 */
export const generate = (
  algorithm: JwsAlgorithm.Asymmetric,
  options?: GenerateOptions & { readonly extractable?: boolean | undefined }
): Effect.Effect<KeyPair> =>
  Effect.orDie(
    options?.extractable === false
      ? Effect.flatMap(generatePair(algorithm, false, options.modulusLength), ({ keyId, ...pair }) =>
          fromCryptoKeyPair(pair, { algorithm, keyId })
        )
      : Effect.flatMap(generateJwk(algorithm, options), ({ privateJwk }) => fromJwk(privateJwk))
  )

const generatePair = (algorithm: JwsAlgorithm.Asymmetric, extractable: boolean, modulusLength = 2048) =>
  Effect.promise(() =>
    jose
      .generateKeyPair(algorithm, { extractable, modulusLength })
      .then((pair) => jose.calculateJwkThumbprint(pair.publicKey).then((keyId) => ({ ...pair, keyId })))
  )

/** The members that name a key's type, its algorithm and, if it has one, its key id. */
const publicMembers = (algorithm: JwsAlgorithm.Asymmetric, keyId: string | undefined) => ({
  kty: JwsAlgorithm.keyType(algorithm).kty,
  alg: algorithm,
  ...(keyId === undefined ? undefined : { kid: keyId })
})

const typeOf = (algorithm: JwsAlgorithm.Asymmetric): string => {
  const { crv, kty } = JwsAlgorithm.keyType(algorithm)
  return crv === undefined ? kty : `${kty} ${crv}`
}

const unfit = (algorithm: JwsAlgorithm.Asymmetric): InvalidKey =>
  new InvalidKey({
    problem: `${algorithm} needs a key of type ${typeOf(algorithm)}; pass such a key, or the algorithm that fits this one`
  })

const redactJwk = (jwk: Jwk.JsonWebKey) => Redacted.make(jwk, { label: "private JWK" })

const importKey = <A>(algorithm: JwsAlgorithm.JwsAlgorithm, read: () => Promise<A>): Effect.Effect<A, InvalidKey> =>
  attempt(
    read,
    `it cannot be read as a key for ${algorithm}; check that it is complete, and that the algorithm is the key's`
  )

const signByte = (key: SigningKey): Promise<string> =>
  new jose.CompactSign(new Uint8Array(1)).setProtectedHeader({ alg: key.algorithm }).sign(Redacted.value(key.material))

const ensureSigning = <K extends SigningKey>(key: K): Effect.Effect<K, InvalidKey> =>
  attempt(
    () => signByte(key).then(() => key),
    `it cannot sign with ${key.algorithm}; pass a private key for this algorithm, with "sign" among its usages (RSA: 2048 bits or more)`
  )

const ensurePair = (key: KeyPair): Effect.Effect<KeyPair, InvalidKey> =>
  attempt(
    () =>
      Promise.all([signByte(key), jose.importJWK(KeyMembers.material(key.publicJwk), key.algorithm)])
        .then(([signature, publicKey]) => jose.compactVerify(signature, publicKey))
        .then(() => key),
    "its two halves do not belong together; pass a pair as it was generated"
  )
