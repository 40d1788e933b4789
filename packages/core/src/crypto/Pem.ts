/**
 * Key files as operators and tools leave them: with text or certificates around the key, in quotes, or with `\n` as two
 * characters, as in an environment variable.
 */
import { Result } from "effect"
import { Base64, Hex } from "effect/encoding"

/** A private key in PKCS#8 form. */
export interface PrivateKey {
  readonly pem: string
  /** Its type, and its curve if it has one, as JSON Web Keys name them; `undefined` if it is another. */
  readonly type: string | undefined
}

/** The first private key in PKCS#8 form; fails with what the text has in its place. */
export const findPrivateKey = (text: string): Result.Result<PrivateKey, string> => {
  const lines = text.replaceAll("\\r", "").replaceAll("\\n", "\n")
  const content = /-----BEGIN PRIVATE KEY-----([^-]*)-----END PRIVATE KEY-----/.exec(lines)?.[1]
  if (content === undefined) return Result.fail(describe(lines))
  const base64 = content.replaceAll(/\s/g, "")
  const identifier = readIdentifier(base64)
  return identifier.includes(rsaPss)
    ? Result.fail("it is restricted to RSA-PSS (id-RSASSA-PSS), which Web Crypto does not read; use a plain RSA key")
    : Result.succeed({
        pem: `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----`,
        type: keyTypes.find(([, objectId]) => identifier.includes(objectId))?.[0]
      })
}

const describe = (text: string): string => {
  const labels = Array.from(text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----/g), ([, label = ""]) => label)
  const label = labels.find((name) => name.endsWith("PRIVATE KEY"))
  if (label === "ENCRYPTED PRIVATE KEY" || text.includes("Proc-Type: 4,ENCRYPTED")) {
    return "it is encrypted; decrypt it with: openssl pkcs8 -in key.pem -out decrypted.pem"
  }
  if (label === "PRIVATE KEY") return "its PEM block has no end, or is not base64; pass the whole file"
  if (label === "OPENSSH PRIVATE KEY") {
    return "it is in the form of OpenSSH; convert it with: ssh-keygen -p -m PKCS8 -f key"
  }
  if (label !== undefined) {
    return `it is not PEM in PKCS#8 form but "${label}"; convert it with: openssl pkcs8 -topk8 -nocrypt -in key.pem`
  }
  if (labels.some((name) => name.endsWith("CERTIFICATE"))) {
    return "it is a certificate; a signature needs the private key that belongs to it"
  }
  if (labels.some((name) => name.endsWith("PUBLIC KEY"))) return "it is a public key; a signature needs the private one"
  if (labels[0] !== undefined)
    return `it has "${labels[0]}" in the place of "PRIVATE KEY"; pass the content of the key file`
  return /^\s*LS0tLS1CRUdJT/.test(text)
    ? "it is PEM that was encoded as base64 once more; decode it first"
    : "it has no PEM block (-----BEGIN PRIVATE KEY-----); pass the content of the key file"
}

/** The bytes in which PKCS#8 names the algorithm, in hexadecimal digits; none if it is not base64. */
const readIdentifier = (base64: string): string =>
  Result.match(Base64.decode(base64), {
    onFailure: () => "",
    onSuccess: (bytes) => Hex.encode(bytes.subarray(0, 40))
  })

/** The object identifier 1.2.840.113549.1.1.10 (RFC 4055 section 3.1). */
const rsaPss = "06092a864886f70d01010a"

/** The object identifiers of RFC 8017 A.1, RFC 5480 section 2.1.1.1 and RFC 8410 section 3. */
const keyTypes = [
  ["RSA", "06092a864886f70d010101"],
  ["EC P-256", "06082a8648ce3d030107"],
  ["EC P-384", "06052b81040022"],
  ["EC P-521", "06052b81040023"],
  ["EC secp256k1", "06052b8104000a"],
  ["OKP Ed25519", "06032b6570"],
  ["OKP Ed448", "06032b6571"]
] as const
