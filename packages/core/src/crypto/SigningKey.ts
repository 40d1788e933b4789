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
import { Effect, Redacted } from "effect"
import * as jose from "jose"
import { InvalidKey } from "./InvalidKey.ts"
import * as Jwk from "./JsonWebKey.ts"
import * as JwsAlgorithm from "./JwsAlgorithm.ts"

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
  readonly material: Redacted.Redacted<CryptoKey | Uint8Array>

  constructor(options: {
    readonly algorithm: JwsAlgorithm.JwsAlgorithm
    readonly keyId?: string | undefined
    readonly publicJwk?: Jwk.JsonWebKey | undefined
    readonly material: CryptoKey | Uint8Array
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
  override readonly algorithm: JwsAlgorithm.Asymmetric
  override readonly publicJwk: Jwk.JsonWebKey
  /** The private key; `undefined` if it is not extractable. */
  readonly privateJwk: Redacted.Redacted<Jwk.JsonWebKey> | undefined

  constructor(options: {
    readonly algorithm: JwsAlgorithm.Asymmetric
    readonly keyId?: string | undefined
    readonly publicJwk: Jwk.JsonWebKey
    readonly privateJwk?: Redacted.Redacted<Jwk.JsonWebKey> | undefined
    readonly material: CryptoKey | Uint8Array
  }) {
    super(options)
    this.algorithm = options.algorithm
    this.publicJwk = options.publicJwk
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
  const algorithm = options?.algorithm ?? (yield* algorithmOf(key))
  const expected = JwsAlgorithm.keyType(algorithm)
  if (key.kty !== expected.kty || (expected.crv !== undefined && key.crv !== expected.crv)) {
    return yield* new InvalidKey({
      problem: `${algorithm} needs a key of type ${[expected.kty, expected.crv].filter(Boolean).join(" ")}; pass such a key, or the algorithm that fits this one`
    })
  }
  if (key.use !== undefined && key.use !== "sig") {
    return yield* new InvalidKey({ problem: 'its "use" is not "sig"; pass the key that was made for signatures' })
  }
  const material = yield* importKey(algorithm, () => jose.importJWK(key, algorithm))
  const keyId = options?.keyId ?? key.kid
  const publicJwk = { ...Jwk.toPublic(key), alg: algorithm, ...(keyId === undefined ? undefined : { kid: keyId }) }
  const privateJwk = Redacted.make(
    { ...key, alg: algorithm, ...(keyId === undefined ? undefined : { kid: keyId }) },
    { label: "private JWK" }
  )
  return yield* ensureSigning(new KeyPair({ algorithm, keyId, publicJwk, privateJwk, material }))
})

/**
 * A private key from PEM text in PKCS#8 form (`-----BEGIN PRIVATE KEY-----`).
 *
 * @since 0.1.0
 * @stability stable
 */
export const fromPem = Effect.fnUntraced(function* (
  pem: Redacted.Redacted<string>,
  options: Options & { readonly algorithm: JwsAlgorithm.Asymmetric }
): Effect.fn.Return<KeyPair, InvalidKey> {
  const text = Redacted.value(pem).trim()
  if (/^-----BEGIN (RSA PUBLIC KEY|PUBLIC KEY|CERTIFICATE)-----/.test(text)) {
    return yield* Jwk.publicKeyError("a signature")
  }
  if (!text.startsWith("-----BEGIN PRIVATE KEY-----")) {
    return yield* new InvalidKey({
      problem: "it is not PEM in PKCS#8 form; convert it with: openssl pkcs8 -topk8 -nocrypt -in key.pem"
    })
  }
  const { algorithm } = options
  const material = yield* importKey(algorithm, () => jose.importPKCS8(text, algorithm, { extractable: true }))
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
  key: CryptoKey,
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
  pair: { readonly privateKey: CryptoKey; readonly publicKey: CryptoKey },
  options: Options & { readonly algorithm: JwsAlgorithm.Asymmetric }
): Effect.fn.Return<KeyPair, InvalidKey> {
  const { algorithm, keyId } = options
  const { privateKey, publicKey } = pair
  const named = {
    kty: JwsAlgorithm.keyType(algorithm).kty,
    alg: algorithm,
    ...(keyId === undefined ? undefined : { kid: keyId })
  }
  const exportKey = (half: CryptoKey) =>
    Effect.map(
      importKey(algorithm, () => jose.exportJWK(half)),
      (jwk) => ({ ...jwk, ...named })
    )
  const key = new KeyPair({
    algorithm,
    keyId,
    publicJwk: Jwk.toPublic(yield* exportKey(publicKey)),
    privateJwk: privateKey.extractable
      ? Redacted.make(yield* exportKey(privateKey), { label: "private JWK" })
      : undefined,
    material: privateKey
  })
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
  Effect.promise(() =>
    jose
      .generateKeyPair(algorithm, generateOptions(true, options))
      .then((pair) => Promise.all([jose.exportJWK(pair.privateKey), jose.calculateJwkThumbprint(pair.publicKey)]))
      .then(([jwk, thumbprint]) => {
        const key = { ...jwk, kty: JwsAlgorithm.keyType(algorithm).kty, kid: thumbprint, alg: algorithm, use: "sig" }
        return { privateJwk: Redacted.make(key, { label: "private JWK" }), publicJwk: Jwk.toPublic(key) }
      })
  )

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
      ? Effect.gen(function* () {
          const pair = yield* Effect.promise(() => jose.generateKeyPair(algorithm, generateOptions(false, options)))
          const keyId = yield* Effect.promise(() => jose.calculateJwkThumbprint(pair.publicKey))
          return yield* fromCryptoKeyPair(pair, { algorithm, keyId })
        })
      : Effect.flatMap(generateJwk(algorithm, options), ({ privateJwk }) => fromJwk(privateJwk))
  )

const generateOptions = (extractable: boolean, options: GenerateOptions | undefined): jose.GenerateKeyPairOptions => ({
  extractable,
  ...(options?.modulusLength === undefined ? undefined : { modulusLength: options.modulusLength })
})

const algorithmOf = (key: Jwk.JsonWebKey): Effect.Effect<JwsAlgorithm.Asymmetric, InvalidKey> => {
  const algorithm = key.alg ?? ""
  return JwsAlgorithm.isAsymmetric(algorithm)
    ? Effect.succeed(algorithm)
    : Effect.fail(new InvalidKey({ problem: 'it names no usable "alg"; pass the algorithm as an option' }))
}

const importKey = <A>(algorithm: JwsAlgorithm.JwsAlgorithm, read: () => Promise<A>): Effect.Effect<A, InvalidKey> =>
  Effect.tryPromise({
    try: read,
    catch: () =>
      new InvalidKey({
        problem: `it cannot be read as a key for ${algorithm}; check that it is complete, and that the algorithm is the key's`
      })
  })

const signByte = (key: SigningKey): Promise<string> =>
  new jose.CompactSign(new Uint8Array(1)).setProtectedHeader({ alg: key.algorithm }).sign(Redacted.value(key.material))

const ensureSigning = <K extends SigningKey>(key: K): Effect.Effect<K, InvalidKey> =>
  Effect.tryPromise({
    try: () => signByte(key),
    catch: () =>
      new InvalidKey({
        problem: `it cannot sign with ${key.algorithm}; pass a private key for this algorithm, with "sign" among its usages (RSA: 2048 bits or more)`
      })
  }).pipe(Effect.as(key))

const ensurePair = (key: KeyPair): Effect.Effect<KeyPair, InvalidKey> =>
  Effect.tryPromise({
    try: () =>
      Promise.all([signByte(key), jose.importJWK(key.publicJwk, key.algorithm)]).then(([signature, publicKey]) =>
        jose.compactVerify(signature, publicKey)
      ),
    catch: () => new InvalidKey({ problem: "its two halves do not belong together; pass a pair as it was generated" })
  }).pipe(Effect.as(key))
