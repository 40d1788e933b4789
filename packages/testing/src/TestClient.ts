/**
 * A client as the test provider has it registered.
 *
 * The client of all defaults is `test-client` with `client_secret_basic` and the exported `secret`.
 *
 * **Example** (A client that signs its assertions)
 *
 * ```ts
 * import { TestClient, TestKeys, TestProvider } from "@effect-ciba/testing"
 * import { Effect, Layer } from "effect"
 *
 * const provider = Layer.unwrap(
 *   Effect.map(TestKeys.signing("ES256", "client"), (key) =>
 *     TestProvider.layer({ client: TestClient.privateKeyJwt(key.publicJwk, { idTokenSignedResponseAlg: "PS256" }) })
 *   )
 * )
 * ```
 */
import type { JsonWebKey } from "@effect-ciba/core/JsonWebKey"
import * as JwsAlgorithm from "@effect-ciba/core/JwsAlgorithm"
import { Redacted, Schema } from "effect"

/** How a client proves who it is (OpenID Connect Core 9). */
export type Authentication =
  | { readonly method: "none" }
  | { readonly method: "client_secret_basic" | "client_secret_post"; readonly secret: Redacted.Redacted<string> }
  | {
      readonly method: "client_secret_jwt"
      readonly secret: Redacted.Redacted<string>
      readonly algorithm: JwsAlgorithm.Symmetric
    }
  | { readonly method: "private_key_jwt"; readonly key: JsonWebKey; readonly algorithm: JwsAlgorithm.Asymmetric }

/** What a client signs its requests with. */
export interface RequestSigning {
  readonly key: JsonWebKey
  readonly algorithm: JwsAlgorithm.Asymmetric
}

/** Where and how the provider calls the client (CIBA Core 9). */
export interface NotificationEndpoint {
  readonly deliveryMode: "ping" | "push"
  readonly url: string
}

/** A registered client. */
export interface TestClient {
  readonly clientId: string
  readonly authentication: Authentication
  /** What its ID Tokens are signed with; a client without a secret gets none signed with HS256, HS384 or HS512. */
  readonly idTokenSignedResponseAlg: JwsAlgorithm.JwsAlgorithm
  /** With it, every authentication request must be signed; without it, none may be. */
  readonly requestSigning?: RequestSigning | undefined
  /** With it the client is registered for ping or push; without it for poll. */
  readonly notification?: NotificationEndpoint | undefined
}

/** What is registered besides the authentication. */
export interface Options {
  /** `test-client` by default. */
  readonly clientId?: string | undefined
  /** `RS256` by default. */
  readonly idTokenSignedResponseAlg?: JwsAlgorithm.JwsAlgorithm | undefined
  /** The public key of its signed requests, which are mandatory then; its algorithm is the JWK's, or else ES256. */
  readonly requestKey?: JsonWebKey | undefined
  /** Where and how the provider calls the client; it does not by default, and the client polls. */
  readonly notification?: NotificationEndpoint | undefined
}

/** What is registered for a client that shares a secret with the provider. */
export interface SecretOptions extends Options {
  /** The exported `secret` by default. */
  readonly secret?: Redacted.Redacted<string> | undefined
}

/** The client id by default. */
export const clientId: string = "test-client"

/** The client secret by default; long enough for HS512. */
export const secret: Redacted.Redacted<string> = Redacted.make(
  "a secret: with + and % and ü, and 64 bytes or more, so that HS512 has enough",
  { label: "client secret" }
)

/** A public client. */
export const none = (options?: Options): TestClient => make({ method: "none" }, options)

/** A client that sends its secret in the `Authorization` header. */
export const clientSecretBasic = (options?: SecretOptions): TestClient =>
  make({ method: "client_secret_basic", secret: options?.secret ?? secret }, options)

/** A client that sends its secret in the form. */
export const clientSecretPost = (options?: SecretOptions): TestClient =>
  make({ method: "client_secret_post", secret: options?.secret ?? secret }, options)

/** A client that signs its assertions with its secret; HS256 by default. */
export const clientSecretJwt = (
  options?: SecretOptions & { readonly algorithm?: JwsAlgorithm.Symmetric | undefined }
): TestClient =>
  make(
    { method: "client_secret_jwt", secret: options?.secret ?? secret, algorithm: options?.algorithm ?? "HS256" },
    options
  )

/** A client that signs its assertions with a private key; its algorithm is the JWK's, or else ES256. */
export const privateKeyJwt = (
  key: JsonWebKey,
  options?: Options & { readonly algorithm?: JwsAlgorithm.Asymmetric | undefined }
): TestClient => make({ method: "private_key_jwt", key, algorithm: options?.algorithm ?? algorithmOf(key) }, options)

const make = (authentication: Authentication, options: Options | undefined): TestClient => ({
  clientId: options?.clientId ?? clientId,
  authentication,
  idTokenSignedResponseAlg: options?.idTokenSignedResponseAlg ?? "RS256",
  requestSigning:
    options?.requestKey === undefined
      ? undefined
      : { key: options.requestKey, algorithm: algorithmOf(options.requestKey) },
  notification: options?.notification
})

const isAlgorithm = Schema.is(JwsAlgorithm.JwsAlgorithm)

const algorithmOf = ({ alg }: JsonWebKey): JwsAlgorithm.Asymmetric =>
  isAlgorithm(alg) && !JwsAlgorithm.isSymmetric(alg) ? alg : "ES256"
