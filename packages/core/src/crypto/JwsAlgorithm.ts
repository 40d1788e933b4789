/**
 * The JSON Web Signature (JWS) algorithms that this library signs and verifies with.
 *
 * **Gotchas**
 *
 * - `none` is not among them.
 * - ML-DSA needs support by the runtime: Node.js 24.7 and later have it, browsers do not.
 * - `EdDSA` and `Ed25519` are two names of one algorithm (RFC 9864): use the one that is registered.
 *
 * **Example** (The hash that belongs to an algorithm)
 *
 * ```ts
 * import { JwsAlgorithm } from "@effect-ciba/core"
 *
 * JwsAlgorithm.isSymmetric("HS256") // => true
 * JwsAlgorithm.hash("PS384") // => "SHA-384"
 * JwsAlgorithm.keyType("ES256") // => { kty: "EC", crv: "P-256" }
 * ```
 *
 * @see RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864, RFC 9964
 */
import { Schema } from "effect"

const names = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
  "ML-DSA-44",
  "ML-DSA-65",
  "ML-DSA-87",
  "HS256",
  "HS384",
  "HS512"
] as const

/**
 * Schema of an `alg` value.
 *
 * @since 0.1.0
 * @stability stable
 */
export const JwsAlgorithm: Schema.Literals<typeof names> = Schema.Literals(names)

/**
 * An `alg` value.
 *
 * @since 0.1.0
 * @stability stable
 */
export type JwsAlgorithm = (typeof names)[number]

/**
 * The algorithms that sign with the client secret (HMAC).
 *
 * @since 0.1.0
 * @stability stable
 */
export type Symmetric = "HS256" | "HS384" | "HS512"

/**
 * The algorithms that sign with a private key.
 *
 * @since 0.1.0
 * @stability stable
 */
export type Asymmetric = Exclude<JwsAlgorithm, Symmetric>

/**
 * Whether an algorithm signs with the client secret.
 *
 * @since 0.1.0
 * @stability stable
 */
export const isSymmetric = (algorithm: JwsAlgorithm): algorithm is Symmetric => algorithm.startsWith("HS")

/**
 * Whether a text is the name of an algorithm that signs with a private key.
 *
 * @since 0.1.0
 * @stability stable
 */
export const isAsymmetric = (name: string): name is Asymmetric => Object.hasOwn(keyTypes, name)

/**
 * The key type of an asymmetric algorithm, and its curve if the algorithm determines it.
 *
 * @since 0.1.0
 * @stability stable
 */
export const keyType = (algorithm: Asymmetric): { readonly kty: string; readonly crv?: string } => keyTypes[algorithm]

/**
 * The hash that belongs to the algorithm (OpenID Connect Core 3.1.3.6); SHA-512 for EdDSA and ML-DSA.
 *
 * @since 0.1.0
 * @stability stable
 */
export const hash = (algorithm: JwsAlgorithm): "SHA-256" | "SHA-384" | "SHA-512" =>
  algorithm.endsWith("256") ? "SHA-256" : algorithm.endsWith("384") ? "SHA-384" : "SHA-512"

/**
 * Whether two names are those of one algorithm: `EdDSA` with an Ed25519 key is `Ed25519` (RFC 9864 section 2.2).
 *
 * @since 0.1.0
 * @stability unstable
 */
export const isSame = (name: string, other: string): boolean =>
  name === other || (ed25519Names.has(name) && ed25519Names.has(other))

const ed25519Names = new Set(["EdDSA", "Ed25519"])

const rsa = { kty: "RSA" }
const akp = { kty: "AKP" }
const ed25519 = { kty: "OKP", crv: "Ed25519" }

const keyTypes: Readonly<Record<Asymmetric, { readonly kty: string; readonly crv?: string }>> = {
  RS256: rsa,
  RS384: rsa,
  RS512: rsa,
  PS256: rsa,
  PS384: rsa,
  PS512: rsa,
  ES256: { kty: "EC", crv: "P-256" },
  ES384: { kty: "EC", crv: "P-384" },
  ES512: { kty: "EC", crv: "P-521" },
  EdDSA: ed25519,
  Ed25519: ed25519,
  "ML-DSA-44": akp,
  "ML-DSA-65": akp,
  "ML-DSA-87": akp
}
