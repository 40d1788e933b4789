// Private keys as PEM, for import.
import type { JwsAlgorithm } from "@effect-ciba/core"
import { Effect, Redacted } from "effect"
import { Base64 } from "effect/encoding"

export const block = (label: string, content: string): string =>
  `-----BEGIN ${label}-----\n${content}\n-----END ${label}-----\n`

/** A key in PKCS#8 form. */
export const ofKey = (key: CryptoKey) =>
  Effect.map(
    Effect.promise(() => crypto.subtle.exportKey("pkcs8", key)),
    (bytes) => Redacted.make(block("PRIVATE KEY", Base64.encode(new Uint8Array(bytes))))
  )

/** A new key for the algorithm, in PKCS#8 form. The types of WebCrypto do not know ML-DSA yet. */
export const pkcs8 = (algorithm: Exclude<JwsAlgorithm.Asymmetric, "RS384" | "RS512" | "PS384" | "PS512">) =>
  Effect.flatMap(
    Effect.promise(() => generate[algorithm]()),
    (pair) => ofKey("privateKey" in pair ? pair.privateKey : pair)
  )

const rsa = (name: string) => () =>
  crypto.subtle.generateKey(
    { name, hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
    true,
    ["sign", "verify"]
  )

const ec = (namedCurve: string) => () =>
  crypto.subtle.generateKey({ name: "ECDSA", namedCurve }, true, ["sign", "verify"])

const ed25519 = () => crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])

const mlDsa = (name: string) => () => crypto.subtle.generateKey({ name }, true, ["sign", "verify"])

const generate = {
  RS256: rsa("RSASSA-PKCS1-v1_5"),
  PS256: rsa("RSA-PSS"),
  ES256: ec("P-256"),
  ES384: ec("P-384"),
  ES512: ec("P-521"),
  EdDSA: ed25519,
  Ed25519: ed25519,
  "ML-DSA-44": mlDsa("ML-DSA-44"),
  "ML-DSA-65": mlDsa("ML-DSA-65"),
  "ML-DSA-87": mlDsa("ML-DSA-87")
}
