/**
 * Decryption of JWEs in compact serialization, with the keys and algorithms that the client is registered for.
 *
 * **Gotchas**
 *
 * - Compressed content is refused: a few bytes can expand to a gigabyte (RFC 8725 3.6).
 * - `RSA1_5` and password-based algorithms are not supported.
 *
 * @see RFC 7516, OpenID Connect Core 10.2
 */
import { Effect, Redacted, Schema } from "effect"
import { WebCrypto } from "effect/crypto"
import * as jose from "jose"
import { lenient } from "../internal/ForeignMember.ts"
import { DecryptionFailed } from "./DecryptionFailed.ts"
import { attempt, InvalidKey } from "./InvalidKey.ts"
import * as Jwk from "./JsonWebKey.ts"
import * as KeyMembers from "./KeyMembers.ts"

/**
 * Key management with a private key: values of `id_token_encrypted_response_alg`.
 *
 * @since 0.1.0
 * @stability stable
 */
export type PrivateKeyAlgorithm = "RSA-OAEP" | "RSA-OAEP-256" | "ECDH-ES" | "ECDH-ES+A128KW" | "ECDH-ES+A256KW"

/**
 * Key management with the client secret; with `dir` the secret itself is the content encryption key.
 *
 * @since 0.1.0
 * @stability stable
 */
export type SecretAlgorithm = "dir" | "A128KW" | "A192KW" | "A256KW" | "A128GCMKW" | "A192GCMKW" | "A256GCMKW"

/** The key management algorithm. */
export type KeyAlgorithm = PrivateKeyAlgorithm | SecretAlgorithm

/**
 * The content encryption: values of `id_token_encrypted_response_enc`.
 *
 * @since 0.1.0
 * @stability stable
 */
export type ContentAlgorithm = "A128GCM" | "A192GCM" | "A256GCM" | "A128CBC-HS256" | "A192CBC-HS384" | "A256CBC-HS512"

/** A decryption key, bound to one key management algorithm. */
export interface DecryptionKey {
  readonly keyId: string | undefined
  readonly algorithm: KeyAlgorithm
  readonly material: Redacted.Redacted<jose.CryptoKey | Uint8Array>
}

/** A decryption key from a private JWK. */
export const keyFromJwk = Effect.fnUntraced(function* (
  jwk: Redacted.Redacted<unknown>,
  algorithm: PrivateKeyAlgorithm
): Effect.fn.Return<DecryptionKey, InvalidKey> {
  const key = yield* Jwk.fromPrivate(jwk, "decryption")
  const material = yield* attempt(
    () => jose.importJWK(KeyMembers.material(key), algorithm),
    `it cannot be read as a key for ${algorithm}`
  )
  return { keyId: key.kid, algorithm, material: Redacted.make(material, { label: "decryption key" }) }
})

/** A decryption key from the client secret: the left-most bits of its hash, as many as the algorithm needs (OpenID Connect Core 10.2). */
export const keyFromSecret = Effect.fnUntraced(function* (
  secret: Redacted.Redacted<string>,
  algorithm: SecretAlgorithm,
  contentAlgorithm: ContentAlgorithm
): Effect.fn.Return<DecryptionKey, InvalidKey> {
  if (Redacted.value(secret) === "") return yield* new InvalidKey({ problem: "the client secret is empty" })
  const crypto = yield* WebCrypto.WebCrypto
  // The length of the key is the last number in the name of its algorithm.
  const bits = Number(/\d+(?=\D*$)/.exec(algorithm === "dir" ? contentAlgorithm : algorithm)?.[0])
  const hash = bits <= 256 ? "SHA-256" : `SHA-${bits}`
  const bytes = new TextEncoder().encode(Redacted.value(secret))
  const digest = yield* Effect.promise(() => crypto.subtle.digest(hash, bytes))
  const material = new Uint8Array(digest, 0, bits / 8)
  return { keyId: undefined, algorithm, material: Redacted.make(material, { label: "decryption key" }) }
})

/** Whether a token has the five parts of a compact JWE. */
export const isEncrypted = (token: Redacted.Redacted<string>): boolean => Redacted.value(token).split(".").length === 5

const Header = Schema.Struct({ kid: lenient(Schema.String), zip: Schema.optionalKey(Schema.Unknown) })

const decodeHeader = Schema.decodeUnknownEffect(
  Schema.StringFromBase64Url.pipe(Schema.decodeTo(Schema.fromJsonString(Header)))
)

/** The decrypted content. The keys with the `kid` of the token are tried in order; all of them if it has none. */
export const decrypt = Effect.fnUntraced(function* (
  jwe: Redacted.Redacted<string>,
  options: { readonly keys: ReadonlyArray<DecryptionKey>; readonly contentAlgorithm: ContentAlgorithm }
): Effect.fn.Return<Redacted.Redacted<string>, DecryptionFailed> {
  const text = Redacted.value(jwe)
  const { kid, zip } = yield* Effect.mapError(decodeHeader(text.split(".")[0]), () =>
    failure("it is not a compact JWE")
  )
  if (zip !== undefined) return yield* failure("its content is compressed")
  const candidates = options.keys.filter(({ keyId }) => !kid || keyId === undefined || keyId === kid)
  if (candidates.length === 0) return yield* failure("it is encrypted to a key that the client does not hold")
  const attempts = candidates.map(({ algorithm, material }) =>
    Effect.tryPromise({
      try: () =>
        jose.compactDecrypt(text, Redacted.value(material), {
          keyManagementAlgorithms: [algorithm],
          contentEncryptionAlgorithms: [options.contentAlgorithm]
        }),
      catch: () => failure("it does not fit the registered key and algorithms")
    })
  )
  const { plaintext } = yield* Effect.firstSuccessOf(attempts)
  return Redacted.make(new TextDecoder().decode(plaintext), { label: "id_token" })
})

const failure = (problem: string): DecryptionFailed => new DecryptionFailed({ problem })
