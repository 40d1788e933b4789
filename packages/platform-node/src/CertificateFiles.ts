/**
 * Certificates, private keys and certificate authorities from files.
 *
 * **When to use**
 *
 * Where another process renews the client's certificate, such as cert-manager or certbot. Each function gives an effect
 * that reads the files whenever it is run. `NodeTls.layer` runs it every minute, so a renewed certificate is used without
 * a restart, also if only a symbolic link on a mounted volume was changed.
 *
 * **Example** (A certificate that is renewed by another process)
 *
 * ```ts
 * import { ClientAuthentication } from "@effect-ciba/core"
 * import { CertificateFiles, NodeCiba } from "@effect-ciba/platform-node"
 * import { Effect, Layer } from "effect"
 *
 * const CibaLive = NodeCiba.layer({
 *   issuer: "https://op.example.com",
 *   clientId: "bank-app",
 *   authentication: ClientAuthentication.tlsClientAuth,
 *   tls: {
 *     client: CertificateFiles.pem({ certificate: "/run/certs/tls.crt", privateKey: "/run/certs/tls.key" }),
 *     authorities: CertificateFiles.authorities("/run/certs/ca.crt")
 *   }
 * })
 *
 * const error = await Effect.runPromise(Effect.flip(Effect.scoped(Layer.build(CibaLive))))
 * error.message // => "TLS, /run/certs/tls.crt: there is no such file; check the path, and that the volume is mounted"
 * ```
 *
 * @see RFC 7468 (PEM), RFC 7292 (PKCS#12)
 */
import { Effect, Redacted } from "effect"
import { CertificateError, type ClientCertificate } from "./ClientCertificate.ts"
import * as CertificateCheck from "./internal/CertificateCheck.ts"
import * as FileContent from "./internal/FileContent.ts"

/**
 * The paths of a certificate and its private key.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface PemOptions {
  /** The file of the client's certificate, followed by the intermediate certificates. */
  readonly certificate: string
  readonly privateKey: string
  /** Decrypts the private key, if it is encrypted. */
  readonly passphrase?: Redacted.Redacted<string> | undefined
}

/**
 * How a PKCS#12 file is decrypted.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Pkcs12Options {
  /** None by default. */
  readonly passphrase?: Redacted.Redacted<string> | undefined
}

/**
 * Reads a certificate and its private key from two files as PEM.
 *
 * @since 0.1.0
 * @stability stable
 */
export const pem = Effect.fnUntraced(function* (
  options: PemOptions
): Effect.fn.Return<ClientCertificate, CertificateError> {
  const certificate = text(yield* read(options.certificate, "tls.client.certificate"))
  const privateKey = Redacted.make(text(yield* read(options.privateKey, "tls.client.privateKey")), {
    label: "private key"
  })
  return yield* CertificateCheck.check({ certificate, privateKey, passphrase: options.passphrase }, options)
})

/**
 * Reads a certificate and its private key from one file as PKCS#12 (`.p12`, `.pfx`).
 *
 * @since 0.1.0
 * @stability stable
 */
export const pkcs12 = Effect.fnUntraced(function* (
  path: string,
  options?: Pkcs12Options
): Effect.fn.Return<ClientCertificate, CertificateError> {
  const content = Redacted.make(yield* read(path, "tls.client.pkcs12"), { label: "PKCS#12" })
  return yield* CertificateCheck.check(
    { pkcs12: content, passphrase: options?.passphrase },
    { certificate: path, privateKey: path }
  )
})

/**
 * Reads the certificates of certificate authorities from a file as PEM.
 *
 * @since 0.1.0
 * @stability stable
 */
export const authorities = (path: string): Effect.Effect<ReadonlyArray<string>, CertificateError> =>
  Effect.flatMap(read(path, "tls.authorities"), (content) => CertificateCheck.checkAuthorities(text(content), path))

const read = (path: string, option: string): Effect.Effect<Uint8Array, CertificateError> =>
  Effect.mapError(
    FileContent.read(path),
    (problem) => new CertificateError({ source: FileContent.isContent(path) ? option : path, problem })
  )

const text = (content: Uint8Array): string => new TextDecoder().decode(content)
