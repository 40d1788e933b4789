/**
 * Key files as operators and tools leave them: with text or certificates around the key, in quotes, or with `\n` as two
 * characters, as in an environment variable.
 */
import { Result } from "effect"
import { Base64, Hex } from "effect/encoding"

/** The first private key in PKCS#8 form; fails with what the text has in its place. */
export const findPrivateKey = (text: string): Result.Result<string, string> => {
  const lines = text.replaceAll("\\r", "").replaceAll("\\n", "\n")
  const content = /-----BEGIN PRIVATE KEY-----([^-]*)-----END PRIVATE KEY-----/.exec(lines)?.[1]
  if (content === undefined) return Result.fail(describe(lines))
  const base64 = content.replaceAll(/\s/g, "")
  return isRsaPss(base64)
    ? Result.fail("it is restricted to RSA-PSS (id-RSASSA-PSS), which Web Crypto does not read; use a plain RSA key")
    : Result.succeed(`-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----`)
}

/** Whether the text has a certificate or a public key, and no private one. */
export const isPublic = (text: string): boolean =>
  /-----BEGIN (RSA PUBLIC KEY|PUBLIC KEY|CERTIFICATE)-----/.test(text) && !/PRIVATE KEY-----/.test(text)

const describe = (text: string): string => {
  const label = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----/.exec(text)?.[1]
  if (label === "ENCRYPTED PRIVATE KEY" || text.includes("Proc-Type: 4,ENCRYPTED")) {
    return "it is encrypted; decrypt it with: openssl pkcs8 -in key.pem -out decrypted.pem"
  }
  if (label === "PRIVATE KEY") return "its PEM block has no end; pass the whole file"
  return label === "OPENSSH PRIVATE KEY"
    ? "it is in the form of OpenSSH; convert it with: ssh-keygen -p -m PKCS8 -f key"
    : "it is not PEM in PKCS#8 form; convert it with: openssl pkcs8 -topk8 -nocrypt -in key.pem"
}

/** By the object identifier 1.2.840.113549.1.1.10 (RFC 4055 section 3.1). */
const isRsaPss = (base64: string): boolean =>
  Result.match(Base64.decode(base64), {
    onFailure: () => false,
    onSuccess: (bytes) => Hex.encode(bytes.subarray(0, 64)).includes("06092a864886f70d01010a")
  })
