/**
 * How the test provider is set up. Everything has a default: `TestProvider.layer()` is a correct provider with one
 * client and one person, who never answers.
 */
import type { JsonWebKey } from "@effect-ciba/core/JsonWebKey"
import type { SigningKey } from "@effect-ciba/core/SigningKey"
import type { Duration } from "effect"
import type { ProviderScript } from "./ProviderScript.ts"
import type * as TestClient from "./TestClient.ts"
import type * as TestUser from "./TestUser.ts"

/** A JSON object as it is forged. */
export type JsonObject = { readonly [member: string]: unknown }

/**
 * When a token request comes too soon and is answered with `slow_down`:
 *
 * - `off`: never
 * - `between-polls`: sooner than the interval after the previous answer
 * - `from-acknowledgement`: the same, and sooner than the interval after the acknowledgement
 *
 * Only `authorization_pending` and `slow_down` count as answers. One that took the interval or longer may be followed at
 * once.
 */
export type Pacing = "off" | "between-polls" | "from-acknowledgement"

/**
 * Which nonce a DPoP proof must carry at the token endpoint:
 *
 * - `off`: any or none, and none is given
 * - `lasting`: one that is good until the test calls `rotateDpopNonce`
 * - `per-response`: that of the last answer, and each answer has a new one
 *
 * The nonce is in every answer of the endpoint; a proof without it is answered with `use_dpop_nonce`.
 */
export type DpopNonces = "off" | "lasting" | "per-response"

/** The set-up. */
export interface ProviderOptions {
  /** `https://provider.test` by default; a path is allowed. */
  readonly issuer?: string | undefined
  /** Who may ask; `TestClient.clientSecretBasic()` by default. */
  readonly client?: TestClient.TestClient | ReadonlyArray<TestClient.TestClient> | undefined
  /** Who may be asked; `TestUser.ignore` by default. Every other hint is an `unknown_user_id`. */
  readonly user?: TestUser.TestUser | ReadonlyArray<TestUser.TestUser> | undefined

  /** The polling interval; 5 seconds by default. `omitted` leaves it out of the acknowledgement and means 5 seconds. */
  readonly interval?: Duration.Input | "omitted" | undefined
  /** How long a request lives, unless it has a `requested_expiry`; 5 minutes by default. */
  readonly expiresIn?: Duration.Input | undefined
  /** `between-polls` by default. */
  readonly pacing?: Pacing | undefined
  /** What a binding message must match; anything by default. */
  readonly bindingMessage?: RegExp | undefined
  /** The `login_hint_token` values that are answered with `expired_login_hint_token`; none by default. */
  readonly expiredLoginHintTokens?: ReadonlyArray<string> | undefined
  /** What the `aud` of a client assertion may be; the issuer alone by default (CIBA Core errata 1, section 7.1). */
  readonly assertionAudiences?: ReadonlyArray<string> | undefined
  /** What DPoP proofs need. Each that comes is verified, and what is issued is bound to its key. */
  readonly dpop?:
    | {
        /** `off` by default. */
        readonly nonces?: DpopNonces | undefined
      }
    | undefined
  /** One hour by default. */
  readonly accessTokenLifetime?: Duration.Input | undefined
  /** One hour by default. */
  readonly idTokenLifetime?: Duration.Input | undefined
  /** Whether token responses have a `refresh_token`, good for once; `false` by default. */
  readonly refreshTokens?: boolean | undefined

  /** Forges the claims of ID Tokens. */
  readonly idTokenClaims?: ((claims: JsonObject) => JsonObject) | undefined
  /** Forges the `kid` header of ID Tokens; `null` leaves it out. */
  readonly idTokenHeaderKeyId?: string | null | undefined
  /** Signs ID Tokens with this key in place of the published one. */
  readonly idTokenKey?: SigningKey | undefined
  /** Forges successful token responses. */
  readonly tokenResponse?: ((body: JsonObject) => unknown) | undefined
  /** Forges the claims of UserInfo. */
  readonly userInfo?: ((claims: JsonObject) => unknown) | undefined
  /** Forges the metadata document. */
  readonly metadata?: ((document: JsonObject) => unknown) | undefined
  /** Forges the published key set. */
  readonly keys?: ((document: { readonly keys: ReadonlyArray<JsonWebKey> }) => unknown) | undefined
  /** Forges acknowledgements; the provider itself keeps to what it meant. */
  readonly acknowledgement?: ((body: JsonObject) => unknown) | undefined

  /** What the token endpoint answers first. */
  readonly tokenScript?: ProviderScript | undefined
  /** What the backchannel authentication endpoint answers first. */
  readonly backchannelScript?: ProviderScript | undefined
  /** What discovery answers first. */
  readonly discoveryScript?: ProviderScript | undefined
  /** What the key set's URL answers first. */
  readonly keysScript?: ProviderScript | undefined
}
