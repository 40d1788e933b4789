/** Checks certificates, private keys and certificate authorities before a TLS connection needs them. */
import { createPrivateKey, X509Certificate } from "node:crypto"
import { createSecureContext } from "node:tls"
import { Effect, Predicate, Redacted } from "effect"
import { CertificateError, type ClientCertificate, type Pem, type Pkcs12 } from "../ClientCertificate.ts"
import * as FileContent from "./FileContent.ts"
import * as PemText from "./PemText.ts"

/** What errors name as the source of a part: a path, or an option. */
export interface Sources {
  readonly certificate: string
  readonly privateKey: string
}

/**
 * The certificate as TLS takes it. Fails if a part is broken or the parts do not belong together, which a handshake would
 * report too late.
 */
export const check = (
  certificate: ClientCertificate,
  sources?: Sources
): Effect.Effect<ClientCertificate, CertificateError> =>
  "pkcs12" in certificate
    ? checkPkcs12(certificate, sources?.certificate ?? "tls.client.pkcs12")
    : checkPem(certificate, sources ?? { certificate: "tls.client.certificate", privateKey: "tls.client.privateKey" })

/** The texts as TLS takes them. Fails if they are not certificates as PEM: Node.js would ignore what it cannot read. */
export const checkAuthorities = (
  authorities: string | ReadonlyArray<string>,
  source = "tls.authorities"
): Effect.Effect<ReadonlyArray<string>, CertificateError> => {
  const texts = [authorities].flat().map(PemText.normalize)
  const [first = "", ...others] = texts.flatMap(pemBlocks)
  return Effect.as(
    attempt(
      () => [first, ...others].map((block) => new X509Certificate(block)),
      source,
      {},
      describeAbsence(texts.join(), noCertificate)
    ),
    texts
  )
}

/** A certificate as `tls.createSecureContext` takes it. */
export const secureContextOptions = (
  certificate: ClientCertificate
): { readonly pfx: Buffer } | { readonly cert: string; readonly key: string } => ({
  ...("pkcs12" in certificate
    ? { pfx: Buffer.from(Redacted.value(certificate.pkcs12)) }
    : { cert: certificate.certificate, key: Redacted.value(certificate.privateKey) }),
  ...passphrase(certificate)
})

const checkPem = Effect.fnUntraced(function* (given: Pem, { certificate, privateKey }: Sources) {
  const pem: Pem = {
    ...given,
    certificate: PemText.normalize(given.certificate),
    privateKey: Redacted.make(PemText.normalize(Redacted.value(given.privateKey)), { label: "private key" })
  }
  const leaf = yield* attempt(
    () => new X509Certificate(pem.certificate),
    certificate,
    {},
    describeAbsence(pem.certificate, noCertificate)
  )
  const key = yield* attempt(
    () => createPrivateKey({ key: Redacted.value(pem.privateKey), ...passphrase(pem) }),
    privateKey,
    { ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED: encrypted, ERR_OSSL_BAD_DECRYPT: wrongPassphrase },
    // One in 256 wrong passphrases gives valid padding: then decryption succeeds, and its result is no key.
    isEncrypted(pem)
      ? wrongPassphrase
      : describeAbsence(
          Redacted.value(pem.privateKey),
          "it does not hold a complete private key as PEM (-----BEGIN PRIVATE KEY-----)"
        )
  )
  if (!leaf.checkPrivateKey(key)) {
    return yield* new CertificateError({
      source: privateKey,
      problem: `it is not the private key of ${certificate}; give the two that were issued together, the client's certificate first`
    })
  }
  yield* attempt(
    () => createSecureContext(secureContextOptions(pem)),
    certificate,
    {},
    "TLS refuses it: the chain behind it is broken, or its key or signature is too weak"
  )
  return pem
})

const checkPkcs12 = (pkcs12: Pkcs12, source: string): Effect.Effect<Pkcs12, CertificateError> =>
  Effect.as(
    attempt(
      () => createSecureContext(secureContextOptions(pkcs12)),
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
      "it is not a complete PKCS#12; export certificate and key with: openssl pkcs12 -export"
    ),
    pkcs12
  )

/** Finds the problem by the code or message of what Node.js throws, which is never shown: it may quote a secret. */
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

/** The PEM blocks of a text; an empty one if it has none, so that the check fails. */
const pemBlocks = (text: string): ReadonlyArray<string> => {
  const [, ...blocks] = `\n${text}`.split(/^(?=-----BEGIN )/m)
  return blocks.length === 0 ? [""] : blocks
}

const passphrase = (certificate: ClientCertificate) =>
  certificate.passphrase === undefined ? undefined : { passphrase: Redacted.value(certificate.passphrase) }

const isEncrypted = ({ passphrase, privateKey }: Pem): boolean =>
  passphrase !== undefined && /ENCRYPTED/.test(Redacted.value(privateKey))

const noCertificate = "it does not hold a complete certificate as PEM (-----BEGIN CERTIFICATE-----)"

/** A path is the usual thing that is given in the place of a text. */
const describeAbsence = (given: string, otherwise: string): string => {
  const text = given.trim()
  return /[./\\]/.test(text) && !FileContent.isContent(text) && text.length < 300
    ? "it looks like a path; give the text, or the files with CertificateFiles"
    : otherwise
}

const encrypted = "the private key is encrypted; give its passphrase"

const wrongPassphrase = "the passphrase does not open it"
