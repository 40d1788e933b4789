/** The provider's options with all defaults; durations in milliseconds. */
import type { JsonWebKey } from "@effect-ciba/core/JsonWebKey"
import type { SigningKey } from "@effect-ciba/core/SigningKey"
import { Duration, identity } from "effect"
import type { DpopNonces, JsonObject, Pacing, ProviderOptions } from "../ProviderOptions.ts"
import * as TestClient from "../TestClient.ts"
import * as TestUser from "../TestUser.ts"
import * as ProviderClock from "./ProviderClock.ts"

export interface Settings {
  readonly issuer: string
  readonly clients: ReadonlyMap<string, TestClient.TestClient>
  readonly users: ReadonlyArray<TestUser.TestUser>
  readonly interval: number
  readonly intervalOmitted: boolean
  readonly expiresIn: number
  readonly pacing: Pacing
  readonly bindingMessage: RegExp
  readonly expiredLoginHintTokens: ReadonlyArray<string>
  readonly assertionAudiences: ReadonlyArray<string>
  readonly dpopNonces: DpopNonces
  readonly accessTokenLifetime: number
  readonly idTokenLifetime: number
  readonly refreshTokens: boolean
  readonly authorizationDetailsTypes: ReadonlyArray<string> | undefined
  readonly clientCertificate: TestClient.Certificate | undefined
  /** How many milliseconds the provider's clock is ahead. */
  readonly clockSkew: number
  readonly runOnProviderClock: ProviderClock.RunOnProviderClock
  readonly idTokenClaims: (claims: JsonObject) => JsonObject
  readonly idTokenHeaderKeyId: string | null | undefined
  readonly idTokenKey: SigningKey | undefined
  readonly tokenResponse: (body: JsonObject) => unknown
  readonly userInfo: (claims: JsonObject) => unknown
  readonly metadata: (document: JsonObject) => unknown
  readonly keys: (document: { readonly keys: ReadonlyArray<JsonWebKey> }) => unknown
  readonly acknowledgement: (body: JsonObject) => unknown
}

export const make = (options: ProviderOptions): Settings => {
  const issuer = options.issuer ?? "https://provider.test"
  const clockSkew = millis(options.clockSkew, 0)
  const clients = several(options.client ?? TestClient.clientSecretBasic())
  return {
    issuer,
    clients: new Map(clients.map((client) => [client.clientId, client])),
    users: several(options.user ?? TestUser.ignore),
    interval: millis(options.interval === "omitted" ? undefined : options.interval, "5 seconds"),
    intervalOmitted: options.interval === "omitted",
    expiresIn: millis(options.expiresIn, "5 minutes"),
    pacing: options.pacing ?? "between-polls",
    bindingMessage: options.bindingMessage ?? /(?:)/,
    expiredLoginHintTokens: options.expiredLoginHintTokens ?? [],
    assertionAudiences: options.assertionAudiences ?? [issuer],
    dpopNonces: options.dpop?.nonces ?? "off",
    accessTokenLifetime: millis(options.accessTokenLifetime, "1 hour"),
    idTokenLifetime: millis(options.idTokenLifetime, "1 hour"),
    refreshTokens: options.refreshTokens ?? false,
    authorizationDetailsTypes: options.authorizationDetailsTypes,
    clientCertificate: options.clientCertificate,
    clockSkew,
    runOnProviderClock: ProviderClock.make(clockSkew),
    idTokenClaims: options.idTokenClaims ?? identity,
    idTokenHeaderKeyId: options.idTokenHeaderKeyId,
    idTokenKey: options.idTokenKey,
    tokenResponse: options.tokenResponse ?? identity,
    userInfo: options.userInfo ?? identity,
    metadata: options.metadata ?? identity,
    keys: options.keys ?? identity,
    acknowledgement: options.acknowledgement ?? identity
  }
}

const several = <A>(value: A | ReadonlyArray<A>): ReadonlyArray<A> => (isArray(value) ? value : [value])

const isArray = <A>(value: A | ReadonlyArray<A>): value is ReadonlyArray<A> => Array.isArray(value)

const millis = (duration: Duration.Input | undefined, otherwise: Duration.Input): number =>
  Duration.toMillis(Duration.fromInputUnsafe(duration ?? otherwise))
