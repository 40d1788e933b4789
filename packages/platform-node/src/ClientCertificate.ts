/**
 * A certificate with its private key: what the client shows on a TLS connection. It authenticates the client
 * (`ClientAuthentication.tlsClientAuth`, `selfSignedTlsClientAuth`), binds its tokens, or opens the provider's door,
 * whatever the method.
 *
 * @see RFC 8705, RFC 7468 (PEM), RFC 7292 (PKCS#12)
 */
import { createPrivateKey, X509Certificate } from "node:crypto"
import { createSecureContext } from "node:tls"
import { Effect, Predicate, Redacted, Schema } from "effect"

/** Certificates or a key that TLS cannot use: which, and what to do. It shows nothing of their content. */
export class CertificateError extends Schema.TaggedError<CertificateError>()("CertificateError", {
  /** The file, or else the option. */
  source: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `TLS, ${this.source}: ${this.problem}`
  }
}

/** A certificate and its private key as PEM. */
export interface Pem {
  /** The certificate, and the chain behind it. */
  readonly certificate: string
  readonly privateKey: Redacted.Redacted<string>
  /** What the private key is encrypted with, where it is. */
  readonly passphrase?: Redacted.Redacted<string> | undefined
}

/** A certificate and its private key as PKCS#12. */
export interface Pkcs12 {
  readonly pkcs12: Redacted.Redacted<Uint8Array>
  readonly passphrase?: Redacted.Redacted<string> | undefined
}

/** A certificate with its private key. */
export type ClientCertificate = Pem | Pkcs12

/** Where the parts come from, as an error names them. */
export interface Sources {
  readonly certificate: string
  readonly privateKey: string
}

/** Refuses parts that are broken or do not belong together, which a handshake would find out too late. */
export const check = (
  certificate: ClientCertificate,
  sources?: Sources
): Effect.Effect<ClientCertificate, CertificateError> =>
  "pkcs12" in certificate
    ? checkPkcs12(certificate, sources?.certificate ?? "tls.client.pkcs12")
    : checkPem(certificate, sources ?? { certificate: "tls.client.certificate", privateKey: "tls.client.privateKey" })

/** Refuses what is not a list of authorities' certificates as PEM: Node.js would ignore it. */
export const checkAuthorities = (
  authorities: string | ReadonlyArray<string>,
  source = "tls.authorities"
): Effect.Effect<ReadonlyArray<string>, CertificateError> => {
  const texts = [authorities].flat()
  const [first = "", ...others] = texts.flatMap(blocks)
  return Effect.as(
    attempt(() => [first, ...others].map((block) => new X509Certificate(block)), source, {}, noCertificate),
    texts
  )
}

/** The same as TLS in Node.js takes it. */
export const material = (
  certificate: ClientCertificate
): { readonly pfx: Buffer } | { readonly cert: string; readonly key: string } => ({
  ...("pkcs12" in certificate
    ? { pfx: Buffer.from(Redacted.value(certificate.pkcs12)) }
    : { cert: certificate.certificate, key: Redacted.value(certificate.privateKey) }),
  ...passphrase(certificate)
})

const checkPem = Effect.fnUntraced(function* (pem: Pem, { certificate, privateKey }: Sources) {
  const leaf = yield* attempt(() => new X509Certificate(pem.certificate), certificate, {}, noCertificate)
  const key = yield* attempt(
    () => createPrivateKey({ key: Redacted.value(pem.privateKey), ...passphrase(pem) }),
    privateKey,
    { ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED: encrypted, ERR_OSSL_BAD_DECRYPT: wrongPassphrase },
    // Of 256 wrong passphrases one opens it, to find nothing that makes sense.
    isSealed(pem) ? wrongPassphrase : "it holds no whole private key as PEM (-----BEGIN PRIVATE KEY-----)"
  )
  if (!leaf.checkPrivateKey(key)) {
    return yield* new CertificateError({
      source: privateKey,
      problem: `it is not the private key of ${certificate}; give the two that were issued together, the client's certificate first`
    })
  }
  yield* attempt(
    () => createSecureContext(material(pem)),
    certificate,
    {},
    "TLS refuses it: the chain behind it is broken, or its key or signature is too weak"
  )
  return pem
})

const checkPkcs12 = (pkcs12: Pkcs12, source: string): Effect.Effect<Pkcs12, CertificateError> =>
  Effect.as(
    attempt(
      () => createSecureContext(material(pkcs12)),
      source,
      {
        "mac verify failure": pkcs12.passphrase === undefined ? encrypted : wrongPassphrase,
        "bad decrypt": pkcs12.passphrase === undefined ? encrypted : wrongPassphrase,
        "Unsupported PKCS12 PFX data":
          "it is encrypted in an old way that OpenSSL 3 does not read; write it anew with: openssl pkcs12 -legacy -in old.p12 -nodes | openssl pkcs12 -export -out new.p12",
        "Unable to load private key from PFX data": "it holds no private key; export the certificate together with it",
        "Unable to load certificate from PFX data":
          "it holds no certificate of its private key; export the two together"
      },
      "it is no whole PKCS#12; export certificate and key with: openssl pkcs12 -export"
    ),
    pkcs12
  )

/** Tries what Node.js makes of it; the problem is found by the error's code or message, which are never shown. */
const attempt = <A>(
  evaluate: () => A,
  source: string,
  problems: Readonly<Record<string, string>>,
  otherwise: string
): Effect.Effect<A, CertificateError> =>
  Effect.try({
    try: evaluate,
    catch: (error) => {
      const known = ["code", "message"].map((property) =>
        Predicate.hasProperty(error, property) ? problems[String(error[property])] : undefined
      )
      return new CertificateError({ source, problem: known.find((problem) => problem !== undefined) ?? otherwise })
    }
  })

/** The parts of a PEM text, or an empty one. */
const blocks = (text: string): ReadonlyArray<string> => {
  const [, ...parts] = `\n${text}`.split(/^(?=-----BEGIN )/m)
  return parts.length === 0 ? [""] : parts
}

const passphrase = (certificate: ClientCertificate) =>
  certificate.passphrase === undefined ? undefined : { passphrase: Redacted.value(certificate.passphrase) }

const isSealed = ({ passphrase, privateKey }: Pem): boolean =>
  passphrase !== undefined && /ENCRYPTED/.test(Redacted.value(privateKey))

const noCertificate = "it holds no whole certificate as PEM (-----BEGIN CERTIFICATE-----)"

const encrypted = "the private key is encrypted; give its passphrase"

const wrongPassphrase = "the passphrase does not open it"
