/** A certificate authority for servers and clients on loopback. */
import "reflect-metadata"
import * as x509 from "@peculiar/x509"
import { Effect } from "effect"

export interface Issued {
  readonly certificate: string
  readonly privateKey: string
}

export interface CertificateAuthority {
  readonly certificate: string
  readonly issue: (subject: string) => Effect.Effect<Issued>
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const

const generate = () => crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])

const toPem = async (certificate: x509.X509Certificate, { privateKey }: CryptoKeyPair): Promise<Issued> => ({
  certificate: certificate.toString("pem"),
  privateKey: x509.PemConverter.encode(
    await crypto.subtle.exportKey("pkcs8", privateKey),
    x509.PemConverter.PrivateKeyTag
  )
})

const validity = () => ({
  signingAlgorithm: algorithm,
  notBefore: new Date(Date.now() - 60_000),
  notAfter: new Date(Date.now() + 3_600_000)
})

const loopback = new x509.SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }])

/** A certificate that is signed with its own key. */
export const selfSigned = (subject: string): Effect.Effect<Issued> =>
  Effect.promise(async () => {
    const keys = await generate()
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=${subject}`,
      keys,
      ...validity(),
      extensions: [loopback]
    })
    return toPem(certificate, keys)
  })

export const make: Effect.Effect<CertificateAuthority> = Effect.promise(async () => {
  const keys = await generate()
  const own = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=Test Authority ${crypto.randomUUID()}`,
    keys,
    ...validity(),
    extensions: [new x509.BasicConstraintsExtension(true, 1, true)]
  })
  return {
    certificate: own.toString("pem"),
    issue: (subject) =>
      Effect.promise(async () => {
        const subjectKeys = await generate()
        const certificate = await x509.X509CertificateGenerator.create({
          subject: `CN=${subject}`,
          issuer: own.subject,
          publicKey: subjectKeys.publicKey,
          signingKey: keys.privateKey,
          ...validity(),
          extensions: [loopback]
        })
        return toPem(certificate, subjectKeys)
      })
  }
})
