// A provider with scripted responses, for the requests after an approval: refresh, revocation, introspection.
import {
  Ciba,
  ClientAuthentication,
  Discovery,
  NotificationInbox,
  type SigningKey,
  VerifiedIdentity
} from "@effect-ciba/core"
import { TestKeys } from "@effect-ciba/testing"
import { Effect, Layer, Redacted } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"
import * as TokenHash from "../../src/crypto/TokenHash.ts"
import type { JsonObject } from "./Jwt.ts"

export const issuer = "https://provider.test"

export const clientId = "bank-app"

export const providerMetadata = {
  issuer,
  jwks_uri: `${issuer}/jwks`,
  token_endpoint: `${issuer}/token`,
  revocation_endpoint: `${issuer}/revoke`,
  introspection_endpoint: `${issuer}/introspect`
}

/** A request as received. */
export interface ReceivedRequest {
  readonly path: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly form: ReadonlyArray<readonly [name: string, value: string]>
}

export type Responder = (heard: ReceivedRequest) => Effect.Effect<Response>

export const json =
  (status: number, body: unknown, headers?: Record<string, string>): Responder =>
  () =>
    Effect.succeed(Response.json(body, { status, ...(headers && { headers }) }))

export const text =
  (status: number, body: string, headers?: Record<string, string>): Responder =>
  () =>
    Effect.succeed(new Response(body, { status, ...(headers && { headers }) }))

/** Sends the responses one after the other, and the last one from then on. Requests for keys have their own response, and are not in `received`. */
export const scriptedProvider = (
  answers: readonly [Responder, ...ReadonlyArray<Responder>],
  keys: Responder = respondWithKeys
) => {
  const received: Array<ReceivedRequest> = []
  const client = HttpClient.make((request, url) => {
    const { body } = request
    const sent = body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : ""
    const incoming = { path: url.pathname, headers: request.headers, form: [...new URLSearchParams(sent)] }
    const answer =
      url.pathname === "/jwks" ? keys : (answers[Math.min(received.push(incoming), answers.length) - 1] ?? answers[0])
    return Effect.map(answer(incoming), (response) => HttpClientResponse.fromWeb(request, response))
  })
  const layer = (options?: Partial<Ciba.Options>, metadata: JsonObject = providerMetadata) =>
    Ciba.layerNoDiscovery({
      clientId,
      authentication: ClientAuthentication.clientSecretBasic(Redacted.make("a secret")),
      idTokenSignedResponseAlg: "ES256",
      ...options
    }).pipe(
      Layer.provideMerge(Discovery.layerStatic(metadata)),
      Layer.provide(Layer.succeed(HttpClient.HttpClient, client)),
      Layer.orDie
    )
  const pushLayer = () =>
    Ciba.layerNoDiscovery({
      deliveryMode: "push",
      clientId,
      authentication: ClientAuthentication.clientSecretBasic(Redacted.make("a secret"))
    }).pipe(
      Layer.provide(NotificationInbox.layer),
      Layer.provideMerge(Discovery.layerStatic(providerMetadata)),
      Layer.provide(Layer.succeed(HttpClient.HttpClient, client)),
      Layer.orDie
    )
  return { received, layer, pushLayer, forms: () => received.map(({ form }) => Object.fromEntries(form)) }
}

/** A key that cannot be imported. */
export const brokenKey = { kty: "EC", crv: "P-256", kid: "broken", x: "AA", y: "AA" }

export const respondWithKeys: Responder = () =>
  Effect.map(TestKeys.signing("ES256"), ({ publicJwk }) => Response.json({ keys: [publicJwk, brokenKey] }))

/** The time of each test, in seconds. */
export const now = 30 * 24 * 3600

export const setTestClock = TestClock.setTime(now * 1000)

/** Signs a token with the provider's key, or another one. */
export const signToken = (
  claims: JsonObject,
  options?: { readonly type?: string; readonly key?: SigningKey.SigningKey }
) =>
  Effect.gen(function* () {
    const key = options?.key ?? (yield* TestKeys.signing("ES256"))
    return Redacted.value(yield* JsonWebToken.sign(claims, { key, type: options?.type }))
  })

/** The claims of the original ID Token. */
export const originalClaims = {
  iss: issuer,
  sub: "marker-subject",
  aud: clientId,
  exp: now - 100,
  iat: now - 3700,
  auth_time: now - 3800
}

/** The claims of a valid ID Token that comes with a refreshed access token. */
export const refreshedClaims = Effect.fnUntraced(function* (accessToken = "marker-access-2") {
  const at_hash = yield* TokenHash.leftHalf(Redacted.make(accessToken), "ES256")
  return { ...originalClaims, exp: now + 3600, iat: now, at_hash }
})

/** The token response of a refresh. */
export const refreshedTokens = { access_token: "marker-access-2", token_type: "Bearer", expires_in: 60 }

const redact = (value: string, label: string) => Redacted.make(value, { label })

/** The identity of an end-user who approved an hour ago. */
export const makeIdentity = (members: Partial<VerifiedIdentity.VerifiedIdentity> = {}) =>
  new VerifiedIdentity.VerifiedIdentity({
    subject: originalClaims.sub,
    issuer,
    claims: originalClaims,
    accessToken: redact("marker-access-1", "access_token"),
    tokenType: "Bearer",
    dpopKey: undefined,
    expiresAt: undefined,
    refreshToken: redact("marker-refresh-1", "refresh_token"),
    idToken: redact("marker-id-1", "id_token"),
    scope: ["openid", "email"],
    authorizationDetails: undefined,
    grantId: "grant-1",
    additional: Redacted.make({}),
    ...members
  })

/** The token values of an identity. */
export const tokensOf = ({ accessToken, idToken, refreshToken }: VerifiedIdentity.VerifiedIdentity) => ({
  access: Redacted.value(accessToken),
  refresh: refreshToken && Redacted.value(refreshToken),
  id: Redacted.value(idToken)
})
