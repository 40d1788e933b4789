/**
 * Certificates in files, read anew each time the effect is run: `NodeTls.layer` runs it again and again, and so
 * follows whoever replaces the files, a volume's symbolic links included.
 *
 * **Example** (A certificate that somebody else renews)
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
 */
import { NodeFileSystem } from "@effect/platform-node"
import { Effect, FileSystem, type PlatformError, Redacted } from "effect"
import * as ClientCertificate from "./ClientCertificate.ts"

/** The paths of a certificate and its key. */
export interface PemOptions {
  /** The certificate, and the chain behind it. */
  readonly certificate: string
  readonly privateKey: string
  /** What the private key is encrypted with, where it is. */
  readonly passphrase?: Redacted.Redacted<string> | undefined
}

/** What a PKCS#12 file is opened with. */
export interface Pkcs12Options {
  readonly passphrase?: Redacted.Redacted<string> | undefined
}

/** A certificate and its key in two files as PEM. */
export const pem = Effect.fnUntraced(function* (
  options: PemOptions
): Effect.fn.Return<ClientCertificate.ClientCertificate, ClientCertificate.CertificateError> {
  const certificate = text(yield* read(options.certificate))
  const privateKey = Redacted.make(text(yield* read(options.privateKey)), { label: "private key" })
  return yield* ClientCertificate.check({ certificate, privateKey, passphrase: options.passphrase }, options)
})

/** A certificate and its key in one file as PKCS#12. */
export const pkcs12 = Effect.fnUntraced(function* (
  path: string,
  options?: Pkcs12Options
): Effect.fn.Return<ClientCertificate.ClientCertificate, ClientCertificate.CertificateError> {
  const content = Redacted.make(yield* read(path), { label: "PKCS#12" })
  return yield* ClientCertificate.check(
    { pkcs12: content, passphrase: options?.passphrase },
    { certificate: path, privateKey: path }
  )
})

/** The certificates of authorities in a file as PEM. */
export const authorities = (path: string): Effect.Effect<ReadonlyArray<string>, ClientCertificate.CertificateError> =>
  Effect.flatMap(read(path), (content) => ClientCertificate.checkAuthorities(text(content), path))

const read = (path: string): Effect.Effect<Uint8Array, ClientCertificate.CertificateError> =>
  FileSystem.FileSystem.use((files) => files.readFile(path)).pipe(
    Effect.mapError(
      ({ reason }) =>
        new ClientCertificate.CertificateError({
          source: path,
          problem: unreadable[reason._tag] ?? "it cannot be read"
        })
    ),
    Effect.provide(NodeFileSystem.layer)
  )

const unreadable: Partial<Record<PlatformError.PlatformError["reason"]["_tag"], string>> = {
  NotFound: "there is no such file; check the path, and that the volume is mounted",
  PermissionDenied: "it may not be read; give this process's user the right to read it"
}

const text = (content: Uint8Array): string => new TextDecoder().decode(content)
