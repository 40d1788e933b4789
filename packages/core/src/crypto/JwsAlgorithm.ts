/**
 * The JSON Web Signature algorithms that this library signs and verifies with.
 *
 * `none` is not among them and has no spelling here. ML-DSA needs a runtime that has it: Node.js 24.7 and later do, and
 * browsers do not yet.
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

/** Schema of a signature algorithm's name. */
export const JwsAlgorithm: Schema.Literals<typeof names> = Schema.Literals(names)

/** A signature algorithm's name. */
export type JwsAlgorithm = (typeof names)[number]

/** The algorithms that sign with a secret shared between client and provider. */
export type Symmetric = "HS256" | "HS384" | "HS512"

/** The algorithms that sign with a private key. */
export type Asymmetric = Exclude<JwsAlgorithm, Symmetric>

/** Whether the algorithm signs with a shared secret. */
export const isSymmetric = (algorithm: JwsAlgorithm): algorithm is Symmetric => algorithm.startsWith("HS")

/** The key type, and where the algorithm fixes it the curve, of the keys that fit an asymmetric algorithm. */
export const keyType = (algorithm: Asymmetric): { readonly kty: string; readonly crv?: string } => shapes[algorithm]

/** The hash that belongs to the algorithm (OpenID Connect Core 3.1.3.6); SHA-512 for EdDSA and ML-DSA. */
export const hash = (algorithm: JwsAlgorithm): "SHA-256" | "SHA-384" | "SHA-512" =>
  algorithm.endsWith("256") ? "SHA-256" : algorithm.endsWith("384") ? "SHA-384" : "SHA-512"

const rsa = { kty: "RSA" }
const akp = { kty: "AKP" }
const ed25519 = { kty: "OKP", crv: "Ed25519" }

const shapes: Readonly<Record<Asymmetric, { readonly kty: string; readonly crv?: string }>> = {
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
