/**
 * A certificate with its private key, which the client presents on TLS connections. It authenticates the client
 * (`ClientAuthentication.tlsClientAuth`, `selfSignedTlsClientAuth`), binds its tokens (`MutualTls.make`), or only
 * satisfies a server that requires a certificate of every client, whatever the authentication method.
 *
 * **When to use**
 *
 * With values from a secret store. For files use `CertificateFiles`, which also follows their renewal.
 *
 * **Details**
 *
 * `NodeTls.layer` checks a certificate before the first connection: that it can be read, that the private key belongs to
 * it, and that TLS accepts both. A `CertificateError` says which part is wrong and what to do, and shows nothing of it.
 *
 * **Example** (A certificate that is not PEM)
 *
 * ```ts
 * import { type ClientCertificate, NodeTls } from "@effect-ciba/platform-node"
 * import { Effect, Layer, Redacted } from "effect"
 *
 * const client: ClientCertificate.ClientCertificate = {
 *   certificate: "not PEM",
 *   privateKey: Redacted.make("not PEM either")
 * }
 *
 * const error = await Effect.runPromise(Effect.flip(Effect.scoped(Layer.build(NodeTls.layer({ client })))))
 * error.message // => "TLS, tls.client.certificate: it does not hold a complete certificate as PEM (-----BEGIN CERTIFICATE-----)"
 * ```
 *
 * @see RFC 8705, RFC 7468 (PEM), RFC 7292 (PKCS#12)
 */
import { type Redacted, Schema } from "effect"

/**
 * A certificate, a private key or a list of certificate authorities that TLS cannot use.
 *
 * @since 0.1.0
 * @stability stable
 */
export class CertificateError extends Schema.TaggedError<CertificateError>()("CertificateError", {
  /** The path of the file, or else the name of the option. */
  source: Schema.String,
  /** What is wrong, and what to do. */
  problem: Schema.String
}) {
  override get message(): string {
    return `TLS, ${this.source}: ${this.problem}`
  }
}

/**
 * A certificate and its private key as PEM.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Pem {
  /** The client's certificate, followed by the intermediate certificates. */
  readonly certificate: string
  readonly privateKey: Redacted.Redacted<string>
  /** Decrypts the private key, if it is encrypted. */
  readonly passphrase?: Redacted.Redacted<string> | undefined
}

/**
 * A certificate and its private key as PKCS#12.
 *
 * @since 0.1.0
 * @stability stable
 */
export interface Pkcs12 {
  readonly pkcs12: Redacted.Redacted<Uint8Array>
  /** Decrypts the content, if it is encrypted. */
  readonly passphrase?: Redacted.Redacted<string> | undefined
}

/**
 * A certificate with its private key, in either format.
 *
 * @since 0.1.0
 * @stability stable
 */
export type ClientCertificate = Pem | Pkcs12
