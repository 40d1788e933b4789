/**
 * A client as it is registered at the test provider.
 *
 * **Details**
 *
 * The constructors are named as those of `ClientAuthentication`, and their defaults are `clientId` and `secret`.
 *
 * **Example** (A client that signs its assertions)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
 * import { TestClient, TestKeys, TestProvider } from "@effect-ciba/testing"
 * import { Effect, Layer } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const key = yield* TestKeys.signing("ES256", "client")
 *   const CibaTest = Ciba.layer({
 *     issuer: "https://provider.test",
 *     clientId: TestClient.clientId,
 *     authentication: ClientAuthentication.privateKeyJwt(Effect.succeed(key))
 *   }).pipe(Layer.provide(TestProvider.layer({ client: TestClient.privateKeyJwt(key.publicJwk) })))
 *   const request = Ciba.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
 *   return (yield* Effect.provide(request, CibaTest)).clientId
 * })
 *
 * await Effect.runPromise(program) // => "test-client"
 * ```
 *
 * @see OpenID Connect Core section 9, CIBA Core 1.0 section 4
 */
import type { JsonWebKey } from "@effect-ciba/core/JsonWebKey"
import * as JwsAlgorithm from "@effect-ciba/core/JwsAlgorithm"
import { Redacted } from "effect"

/**
 * How a client authenticates (OpenID Connect Core 9).
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Authentication =
  | { readonly method: "none" }
  | { readonly method: "client_secret_basic" | "client_secret_post"; readonly secret: Redacted.Redacted<string> }
  | {
      readonly method: "client_secret_jwt"
      readonly secret: Redacted.Redacted<string>
      readonly algorithm: JwsAlgorithm.Symmetric
    }
  | { readonly method: "private_key_jwt"; readonly key: JsonWebKey; readonly algorithm: JwsAlgorithm.Asymmetric }
  | { readonly method: "tls_client_auth"; readonly subject: string }
  | { readonly method: "self_signed_tls_client_auth"; readonly thumbprint: string }

/**
 * What a provider reads from the certificate of a client (RFC 8705).
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Certificate {
  /** The distinguished name of its subject, such as `CN=bank-app` (RFC 4514). */
  readonly subject: string
  /** The base64url of the SHA-256 digest of its DER encoding (`x5t#S256`). */
  readonly thumbprint: string
  /** Whether it is of an authority that the server trusts; `true` by default. */
  readonly verified?: boolean | undefined
}

/**
 * The key of a client's signed authentication requests (CIBA Core 7.1.1).
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface RequestSigning {
  readonly key: JsonWebKey
  readonly algorithm: JwsAlgorithm.Asymmetric
}

/**
 * The client notification endpoint, and the delivery mode (CIBA Core 9).
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface NotificationEndpoint {
  readonly deliveryMode: "ping" | "push"
  readonly url: string
}

/**
 * A registered client.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface TestClient {
  readonly clientId: string
  readonly authentication: Authentication
  /** The algorithm of its ID Tokens. HS256, HS384 and HS512 need a client with a secret. */
  readonly idTokenSignedResponseAlg: JwsAlgorithm.JwsAlgorithm
  /** With it every authentication request must be signed; without it none may be. */
  readonly requestSigning?: RequestSigning | undefined
  /** With it the client is registered for ping or push, without it for poll. */
  readonly notification?: NotificationEndpoint | undefined
  /** Whether its tokens are bound to its certificate (`tls_client_certificate_bound_access_tokens`). */
  readonly certificateBoundAccessTokens?: boolean | undefined
}

/**
 * What is registered besides client authentication.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options {
  /** `test-client` by default. */
  readonly clientId?: string | undefined
  /** `RS256` by default. */
  readonly idTokenSignedResponseAlg?: JwsAlgorithm.JwsAlgorithm | undefined
  /** The public key of its signed requests, which become mandatory. The algorithm is the JWK's, or else ES256. */
  readonly requestKey?: JsonWebKey | undefined
  /** The client notification endpoint of a ping or push client; by default the client polls. */
  readonly notification?: NotificationEndpoint | undefined
  /** The registered `tls_client_certificate_bound_access_tokens`; `false` by default. */
  readonly certificateBoundAccessTokens?: boolean | undefined
}

/**
 * What is registered for a client that shares a secret with the provider.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface SecretOptions extends Options {
  /** The exported `secret` by default. */
  readonly secret?: Redacted.Redacted<string> | undefined
}

/**
 * The client identifier by default.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const clientId: string = "test-client"

/**
 * The client secret by default; long enough for HS512.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const secret: Redacted.Redacted<string> = Redacted.make(
  "a secret: with + and % and ü, and 64 bytes or more, so that HS512 has enough",
  { label: "client secret" }
)

/**
 * A public client, which does not authenticate.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const none = (options?: Options): TestClient => make({ method: "none" }, options)

/**
 * A client that sends its secret in the `Authorization` header.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const clientSecretBasic = (options?: SecretOptions): TestClient =>
  make({ method: "client_secret_basic", secret: options?.secret ?? secret }, options)

/**
 * A client that sends its secret in the form.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const clientSecretPost = (options?: SecretOptions): TestClient =>
  make({ method: "client_secret_post", secret: options?.secret ?? secret }, options)

/**
 * A client that signs its assertions with its secret; HS256 by default.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const clientSecretJwt = (
  options?: SecretOptions & { readonly algorithm?: JwsAlgorithm.Symmetric | undefined }
): TestClient =>
  make(
    { method: "client_secret_jwt", secret: options?.secret ?? secret, algorithm: options?.algorithm ?? "HS256" },
    options
  )

/**
 * A client that signs its assertions with a private key; its algorithm is the JWK's, or else ES256.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const privateKeyJwt = (
  key: JsonWebKey,
  options?: Options & { readonly algorithm?: JwsAlgorithm.Asymmetric | undefined }
): TestClient => make({ method: "private_key_jwt", key, algorithm: options?.algorithm ?? algorithmOf(key) }, options)

/**
 * A client whose certificate has this subject and is of an authority that the server trusts (RFC 8705 section 2.1).
 *
 * @since 0.1.0
 * @stability unstable
 */
export const tlsClientAuth = (subject: string, options?: Options): TestClient =>
  make({ method: "tls_client_auth", subject }, options)

/**
 * A client with exactly this certificate (RFC 8705 section 2.2).
 *
 * @since 0.1.0
 * @stability unstable
 */
export const selfSignedTlsClientAuth = (certificate: Certificate, options?: Options): TestClient =>
  make({ method: "self_signed_tls_client_auth", thumbprint: certificate.thumbprint }, options)

const make = (authentication: Authentication, options: Options | undefined): TestClient => ({
  clientId: options?.clientId ?? clientId,
  authentication,
  idTokenSignedResponseAlg: options?.idTokenSignedResponseAlg ?? "RS256",
  requestSigning:
    options?.requestKey === undefined
      ? undefined
      : { key: options.requestKey, algorithm: algorithmOf(options.requestKey) },
  notification: options?.notification,
  certificateBoundAccessTokens: options?.certificateBoundAccessTokens
})

const algorithmOf = ({ alg }: JsonWebKey): JwsAlgorithm.Asymmetric =>
  alg !== undefined && JwsAlgorithm.isAsymmetric(alg) ? alg : "ES256"
