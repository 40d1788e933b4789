/**
 * The options of the test provider: its clients and end-users, how strict it is, and what it forges.
 *
 * **When to use**
 *
 * Its type is for functions of a test that pass options on. `TestProvider.layer()` without options is a correct provider
 * with the client `TestClient.clientSecretBasic()` and the end-user `TestUser.ignore`.
 *
 * **Details**
 *
 * A forging option, such as `idTokenClaims` or `tokenResponse`, gets what an honest provider would send, and gives what is
 * sent. Scripts (`tokenScript` and its kin) come first; when they have run out, `script` says what happens, and after that
 * the provider responds by itself.
 *
 * **Example** (A provider whose ID Tokens have another audience)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
 * import { type ProviderOptions, TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect, Layer } from "effect"
 *
 * const provide = (options: ProviderOptions.ProviderOptions) =>
 *   Ciba.layer({
 *     issuer: "https://provider.test",
 *     clientId: TestClient.clientId,
 *     authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 *   }).pipe(Layer.provide(TestProvider.layer({ user: TestUser.approve(), interval: "1 second", ...options })))
 *
 * const error = await Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") }).pipe(
 *   Effect.provide(provide({ idTokenClaims: (claims) => ({ ...claims, aud: "another-client" }) })),
 *   Effect.flip,
 *   Effect.runPromise
 * )
 * error._tag // => "IdTokenError"
 * ```
 */
import type { JsonWebKey } from "@effect-ciba/core/JsonWebKey"
import type { SigningKey } from "@effect-ciba/core/SigningKey"
import type { Duration } from "effect"
import type { ProviderScript } from "./ProviderScript.ts"
import type * as TestClient from "./TestClient.ts"
import type * as TestUser from "./TestUser.ts"

/**
 * A JSON object before or after forging.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type JsonObject = { readonly [member: string]: unknown }

/**
 * Which token requests get `slow_down`:
 *
 * - `off`: none
 * - `between-polls`: those sooner than the interval after the previous response
 * - `from-acknowledgement`: the same, and those sooner than the interval after the acknowledgement
 *
 * Only `authorization_pending` and `slow_down` count as responses. After one that took the interval or longer, the next
 * token request may follow at once.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Pacing = "off" | "between-polls" | "from-acknowledgement"

/**
 * Which nonce a DPoP proof must contain (RFC 9449 section 8):
 *
 * - `off`: any or none; responses contain none
 * - `lasting`: one that is valid until the test calls `rotateDpopNonce`
 * - `per-response`: that of the last response; each response contains a new one
 *
 * Every response contains the nonce in `DPoP-Nonce`. The response to a proof without it is `use_dpop_nonce`.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type DpopNonces = "off" | "lasting" | "per-response"

/**
 * Every option has a default.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface ProviderOptions {
  /** `https://provider.test` by default; a path is allowed. */
  readonly issuer?: string | undefined
  /** The registered clients; `TestClient.clientSecretBasic()` by default. */
  readonly client?: TestClient.TestClient | ReadonlyArray<TestClient.TestClient> | undefined
  /** The end-users; `TestUser.ignore` by default. Every other hint is an `unknown_user_id`. */
  readonly user?: TestUser.TestUser | ReadonlyArray<TestUser.TestUser> | undefined

  /** The polling interval; 5 seconds by default. `omitted` leaves it out of the acknowledgement and means 5 seconds. */
  readonly interval?: Duration.Input | "omitted" | undefined
  /** The lifetime of a request without `requested_expiry`; 5 minutes by default. */
  readonly expiresIn?: Duration.Input | undefined
  /** How fast a client may poll; `between-polls` by default. */
  readonly pacing?: Pacing | undefined
  /** What a binding message must match; anything by default. */
  readonly bindingMessage?: RegExp | undefined
  /** The `login_hint_token` values that get `expired_login_hint_token`; none by default. */
  readonly expiredLoginHintTokens?: ReadonlyArray<string> | undefined
  /** The accepted `aud` of client assertions; the issuer alone by default (CIBA Core errata 1, section 7.1). */
  readonly assertionAudiences?: ReadonlyArray<string> | undefined
  /** What DPoP proofs must contain. Every proof is verified, and tokens are bound to its key, without this option, too. */
  readonly dpop?:
    | {
        /** `off` by default. */
        readonly nonces?: DpopNonces | undefined
      }
    | undefined
  /** The lifetime of access tokens; one hour by default. */
  readonly accessTokenLifetime?: Duration.Input | undefined
  /** The lifetime of ID Tokens; one hour by default. */
  readonly idTokenLifetime?: Duration.Input | undefined
  /** Whether token responses contain a `refresh_token`, which is valid once; `false` by default. */
  readonly refreshTokens?: boolean | undefined
  /** The `type`s of authorization details that are accepted (RFC 9396), and published; all of them by default. */
  readonly authorizationDetailsTypes?: ReadonlyArray<string> | undefined
  /** How far the provider's clock is ahead of the client's, or behind it if negative; not at all by default. */
  readonly clockSkew?: Duration.Input | undefined
  /** The certificate of the client's connections, for a provider in memory; none by default. */
  readonly clientCertificate?: TestClient.Certificate | undefined

  /** Forges the claims of ID Tokens. */
  readonly idTokenClaims?: ((claims: JsonObject) => JsonObject) | undefined
  /** Forges the `kid` header of ID Tokens; `null` leaves it out. */
  readonly idTokenHeaderKeyId?: string | null | undefined
  /** Signs ID Tokens with this key instead of the published one. */
  readonly idTokenKey?: SigningKey | undefined
  /** Forges successful token responses. */
  readonly tokenResponse?: ((body: JsonObject) => unknown) | undefined
  /** Forges the claims of UserInfo. */
  readonly userInfo?: ((claims: JsonObject) => unknown) | undefined
  /** Forges the metadata document. */
  readonly metadata?: ((document: JsonObject) => unknown) | undefined
  /** Forges the published JWK Set. */
  readonly keys?: ((document: { readonly keys: ReadonlyArray<JsonWebKey> }) => unknown) | undefined
  /** Forges acknowledgements; the provider itself keeps to the honest values. */
  readonly acknowledgement?: ((body: JsonObject) => unknown) | undefined

  /** The first responses of the token endpoint. */
  readonly tokenScript?: ProviderScript | undefined
  /** The first responses of the backchannel authentication endpoint. */
  readonly backchannelScript?: ProviderScript | undefined
  /** The first responses of discovery. */
  readonly discoveryScript?: ProviderScript | undefined
  /** The first responses of the `jwks_uri`. */
  readonly keysScript?: ProviderScript | undefined
  /** The next responses of any endpoint, whose own script has run out. */
  readonly script?: ProviderScript | undefined
  /** What becomes of the first notifications, in the order of their requests. */
  readonly notificationScript?: ProviderScript | undefined
}
