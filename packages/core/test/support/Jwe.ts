// Encrypted tokens as a provider or an attacker makes them, with Node's own cryptography.
import { createCipheriv, createHash, randomBytes } from "node:crypto"
import { Base64Url } from "effect/encoding"
import { encodeJson, type JsonObject } from "./Jwt.ts"

/** The left-most bits of a SHA-2 hash of the secret. */
export const deriveKey = (secret: string, hash: "sha256" | "sha384" | "sha512", bits: number): Buffer =>
  createHash(hash)
    .update(secret, "utf8")
    .digest()
    .subarray(0, bits / 8)

/** A compact JWE in AES-GCM, whatever its header says. */
export const seal = (
  plaintext: string | Uint8Array,
  options: { readonly key: Uint8Array; readonly header: JsonObject; readonly encryptedKey?: Uint8Array }
): string => {
  const header = Base64Url.encode(encodeJson(options.header))
  const iv = randomBytes(12)
  const cipher = createCipheriv(options.key.length === 16 ? "aes-128-gcm" : "aes-256-gcm", options.key, iv)
  cipher.setAAD(Buffer.from(header))
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return [
    header,
    ...[options.encryptedKey ?? new Uint8Array(), iv, ciphertext, cipher.getAuthTag()].map((bytes) =>
      Base64Url.encode(bytes)
    )
  ].join(".")
}
