/**
 * What the client shows and trusts on a TLS connection: its certificate, and the authorities it believes.
 *
 * **Details**
 *
 * - The certificate comes as PEM or as PKCS#12. It authenticates the client (`ClientAuthentication.tlsClientAuth`,
 *   `selfSignedTlsClientAuth`), binds its tokens, or opens the provider's door, whatever the method.
 * - TLS 1.2 or later; the server's certificate is always checked.
 *
 * @see RFC 8705
 */
import { NodeHttpClient } from "@effect/platform-node"
import { Layer, Redacted } from "effect"
import type { HttpClient } from "effect/http"

/** A certificate with its private key. */
export type Certificate =
  | {
      /** The certificate, and the chain behind it, as PEM. */
      readonly certificate: string
      /** Its private key as PEM. */
      readonly privateKey: Redacted.Redacted<string>
      readonly passphrase?: Redacted.Redacted<string> | undefined
    }
  | {
      /** Certificate and key as PKCS#12. */
      readonly pkcs12: Redacted.Redacted<Uint8Array>
      readonly passphrase?: Redacted.Redacted<string> | undefined
    }

/** What is shown and trusted. */
export interface Options {
  readonly client?: Certificate | undefined
  /** The authorities that are trusted in the place of the system's, as PEM. */
  readonly authorities?: string | ReadonlyArray<string> | undefined
}

/** An HTTP client over undici whose connections show this certificate and trust these authorities. */
export const layer = (options: Options): Layer.Layer<HttpClient.HttpClient> =>
  Layer.provide(
    NodeHttpClient.layerUndiciNoDispatcher,
    NodeHttpClient.layerDispatcherOptions({
      connect: {
        minVersion: "TLSv1.2",
        rejectUnauthorized: true,
        ...(options.authorities === undefined ? undefined : { ca: [options.authorities].flat() }),
        ...(options.client === undefined ? undefined : material(options.client))
      }
    })
  )

const material = (certificate: Certificate) => ({
  ...("pkcs12" in certificate
    ? { pfx: Buffer.from(Redacted.value(certificate.pkcs12)) }
    : { cert: certificate.certificate, key: Redacted.value(certificate.privateKey) }),
  ...(certificate.passphrase === undefined ? undefined : { passphrase: Redacted.value(certificate.passphrase) })
})
