/** A certificate and its private key in one PKCS#12 file (RFC 7292). */
import { createHash, createHmac, createPrivateKey, randomBytes, X509Certificate } from "node:crypto"
import type { Issued } from "./CertificateAuthority.ts"

/** The key is encrypted with the passphrase (PBES2), the certificate is not; a MAC covers both. */
export const make = ({ certificate, privateKey }: Issued, passphrase: string): Uint8Array =>
  file(
    createPrivateKey(privateKey).export({ type: "pkcs8", format: "der", cipher: "aes-256-cbc", passphrase }),
    certificate,
    passphrase
  )

/** A file whose key is declared as encrypted with 40-bit RC2, which OpenSSL 3 does not support. */
export const withLegacyEncryption = ({ certificate }: Issued, passphrase: string): Uint8Array => {
  const scheme = sequence(oid("1.2.840.113549.1.12.1.6"), sequence(octets(randomBytes(8)), integer(1)))
  return file(sequence(scheme, octets(randomBytes(64))), certificate, passphrase)
}

/** A file that holds the certificate only. */
export const withoutKey = ({ certificate }: Issued, passphrase: string): Uint8Array =>
  file(undefined, certificate, passphrase)

const file = (key: Uint8Array | undefined, certificate: string, passphrase: string): Uint8Array => {
  const keyBags = key === undefined ? [] : [sequence(oid("1.2.840.113549.1.12.10.1.2"), explicit(key))]
  const x509 = sequence(oid("1.2.840.113549.1.9.22.1"), explicit(octets(new X509Certificate(certificate).raw)))
  const certificateBag = sequence(oid("1.2.840.113549.1.12.10.1.3"), explicit(x509))
  const contents = sequence(data(sequence(...keyBags, certificateBag)))

  const salt = randomBytes(8)
  const mac = createHmac("sha256", macKey(passphrase, salt)).update(contents).digest()
  const digest = sequence(sequence(oid("2.16.840.1.101.3.4.2.1"), der(0x05)), octets(mac))
  return sequence(integer(3), data(contents), sequence(digest, octets(salt), integer(iterations)))
}

const iterations = 100

/** RFC 7292, appendix B.2, for one block of SHA-256. */
const macKey = (passphrase: string, salt: Buffer): Buffer => {
  const text = Buffer.from(`${passphrase}\0`, "utf16le").swap16()
  const pad = (bytes: Buffer) => Buffer.alloc(Math.ceil(bytes.length / 64) * 64, bytes)
  let key = Buffer.concat([Buffer.alloc(64, 3), pad(salt), pad(text)])
  for (let round = 0; round < iterations; round++) key = createHash("sha256").update(key).digest()
  return key
}

const der = (tag: number, ...contents: ReadonlyArray<Uint8Array>): Buffer => {
  const content = Buffer.concat(contents)
  const { length } = content
  return Buffer.concat([Buffer.from(length < 128 ? [tag, length] : [tag, 0x82, length >> 8, length & 255]), content])
}

const sequence = (...contents: ReadonlyArray<Uint8Array>) => der(0x30, ...contents)

const explicit = (content: Uint8Array) => der(0xa0, content)

const octets = (content: Uint8Array) => der(0x04, content)

const integer = (value: number) => der(0x02, Buffer.from([value]))

const data = (content: Uint8Array) => sequence(oid("1.2.840.113549.1.7.1"), explicit(octets(content)))

const oid = (name: string) => {
  const [first = 0, second = 0, ...rest] = name.split(".").map(Number)
  const base128 = (value: number): ReadonlyArray<number> =>
    value < 128 ? [value] : [...base128(Math.floor(value / 128)).map((byte) => byte | 128), value % 128]
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}
