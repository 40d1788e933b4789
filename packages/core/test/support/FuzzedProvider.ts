// The entry points at which a provider responds: discovery and keys, the acknowledgement, the token response.
import { createHmac } from "node:crypto"
import {
  AuthenticationRequestError,
  BackchannelAuthentication,
  ClientAuthentication,
  ClientRegistration,
  Discovery,
  DiscoveryError,
  Dpop,
  IdTokenError,
  IdTokenVerifier,
  type JsonWebKey,
  PendingAuthentication,
  ProviderKeys,
  type ProviderMetadata,
  TokenEndpoint,
  TokenError,
  Transport,
  UserHint,
  VerifiedIdentity
} from "@effect-ciba/core"
import { TestKeys } from "@effect-ciba/testing"
import { Clock, DateTime, Duration, Effect, Equal, Predicate, Redacted, Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import { HttpClient } from "effect/http"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"
import * as SenderConstraint from "../../src/http/SenderConstraint.ts"
import * as Throttle from "../../src/http/Throttle.ts"
import type { EntryPoint } from "./Fuzz.ts"
import { type Chance, happens, json, limit, type Members, members, mutate, oddText, write } from "./HostileJson.ts"
import * as HostileResponse from "./HostileResponse.ts"
import { authReqId } from "./PendingAuthentications.ts"
import { publishedKeys } from "./PublishedKeys.ts"
import * as SeededRandom from "./SeededRandom.ts"

const issuer = "https://op.example"

const clientId = "client"

const secret = "a secret of at least thirty-two bytes"

const document = {
  issuer,
  jwks_uri: `${issuer}/jwks`,
  token_endpoint: `${issuer}/token`,
  backchannel_authentication_endpoint: `${issuer}/bc-authorize`,
  backchannel_token_delivery_modes_supported: ["poll", "ping", "push"],
  scopes_supported: ["openid"],
  backchannel_user_code_parameter_supported: true
}

const algorithms = ["RS256", "PS256", "ES256", "EdDSA"] as const

const makeRegistration = ClientRegistration.make({
  clientId,
  authentication: ClientAuthentication.clientSecretBasic(Redacted.make(secret)),
  idTokenSignedResponseAlg: "HS256"
}).pipe(Effect.orDie)

/** Static metadata, and no keys. */
const staticContext = Effect.context<Discovery.Discovery | ProviderKeys.ProviderKeys>().pipe(
  Effect.provide([Discovery.layerStatic(document), ProviderKeys.layerStatic(publishedKeys)]),
  Effect.orDie
)

const makeTransport = (chance: Chance, respond: (url: URL) => HostileResponse.IntendedResponse, hang: () => void) =>
  Effect.provideService(
    Transport.make({ maxResponseSize: limit }),
    HttpClient.HttpClient,
    HostileResponse.client(chance, respond, hang)
  )

const faults = ["Unreachable", "TimedOut", "Redirected", "TooLarge", "Unreadable", "UnexpectedStatus"]

const failure = (code: string): Members =>
  members({ error: code, error_description: "Because.", error_uri: "https://op.example/help" })

/** Success, or one of these errors, most of the time with something wrong. */
const answering =
  (chance: Chance, success: Members, codes: readonly [string, ...ReadonlyArray<string>]) =>
  (): HostileResponse.IntendedResponse => {
    const given = happens(chance, 0.5) ? success : failure(SeededRandom.oneOf(chance, codes))
    const isError = given !== success
    return {
      text: write(chance, happens(chance, 0.2) ? given : mutate(chance, given)),
      status: isError ? 400 : 200
    }
  }

/** What was published, and the result of signatures that were verified with it. */
interface VerifiedWithKeys {
  readonly metadata: ProviderMetadata.ProviderMetadata
  readonly found: ReadonlyArray<JsonWebKey.JsonWebKey>
  readonly results: ReadonlyArray<"verified" | "InvalidSignature" | "UnusableKey" | "MalformedToken">
}

const isVerifiedWithKeys = (value: unknown): value is VerifiedWithKeys => Predicate.hasProperty(value, "results")

/** Discovery, the keys, and signatures that are verified with them. */
export const discovery: EntryPoint<unknown> = {
  name: "discovery and keys",
  errors: DiscoveryError.DiscoveryError,
  success: (value) =>
    isVerifiedWithKeys(value) ? `keys: ${[...new Set(value.results)].sort().join(", ") || "none that fit"}` : "wrong",
  expected: [
    "keys: none that fit",
    "keys: verified",
    "keys: InvalidSignature",
    ...["InsecureUrl", ...faults, "InvalidDocument", "IssuerMismatch", "MissingEndpoint"].map(
      (reason) => `DiscoveryError ${reason}`
    )
  ],
  trials: Effect.gen(function* () {
    const tokens = yield* Effect.forEach(algorithms, (algorithm) =>
      Effect.flatMap(TestKeys.signing(algorithm), (key) =>
        Effect.map(JsonWebToken.sign({ iss: issuer }, { key }), (jwt) => ({ algorithm, jwt, jwk: key.publicJwk }))
      )
    )

    const keys = (chance: Chance): string => {
      const published = tokens.map(({ jwk }) =>
        write(chance, happens(chance, 0.8) ? members(jwk) : mutate(chance, members(jwk)))
      )
      const set: Members = [["keys", `[${published.join(",")}]`]]
      return write(chance, happens(chance, 0.6) ? set : mutate(chance, set))
    }

    return (chance, hang) =>
      Effect.gen(function* () {
        const isDocument = happens(chance, 0.5)
        const respondTo = (url: URL) => ({
          status: 200,
          text: url.pathname.startsWith("/.well-known")
            ? write(chance, isDocument ? mutate(chance, members(document)) : members(document))
            : keys(chance)
        })
        const transport = yield* makeTransport(chance, respondTo, hang)
        const discovery = yield* Effect.provideService(Discovery.make({ issuer }), Transport.Transport, transport)
        const provider = yield* ProviderKeys.make().pipe(
          Effect.provideService(Transport.Transport, transport),
          Effect.provideService(Discovery.Discovery, discovery)
        )
        const { algorithm, jwk, jwt } = SeededRandom.oneOf(chance, tokens)
        const keyId = SeededRandom.oneOf(chance, [undefined, jwk.kid, oddText(chance)])
        const found = yield* provider.candidates({ algorithm, keyId })
        const results = yield* Effect.forEach(found.slice(0, 3), (key) =>
          Effect.match(JsonWebToken.verify(jwt, { algorithm, key }), {
            onFailure: ({ _tag }) => _tag,
            onSuccess: () => "verified" as const
          })
        )
        return { metadata: yield* discovery.metadata, found, results } satisfies VerifiedWithKeys
      }).pipe(Effect.scoped)
  })
}

const acknowledgementCodes = [
  "invalid_request",
  "invalid_scope",
  "expired_login_hint_token",
  "unknown_user_id",
  "unauthorized_client",
  "missing_user_code",
  "invalid_user_code",
  "invalid_binding_message",
  "invalid_client",
  "access_denied",
  "invalid_authorization_details",
  "invalid_target",
  "invalid_grant_id",
  "strange_code"
] as const

const pascal = (code: string): string =>
  code.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase()).replace("StrangeCode", "Unrecognized")

const isPending = Schema.is(PendingAuthentication.PendingAuthentication)

/** The acknowledgement. */
export const acknowledgement: EntryPoint<unknown> = {
  name: "acknowledgement",
  errors: AuthenticationRequestError.AuthenticationRequestError,
  success: (value) => {
    if (!isPending(value)) return "wrong acknowledgement"
    const stored = Result.flatMap(encodePending(value), decodePending)
    const { hints: _hints, ...kept } = value
    return Result.isSuccess(stored) &&
      Equal.equals(stored.success, PendingAuthentication.PendingAuthentication.make(kept))
      ? "acknowledged"
      : "wrong acknowledgement: it cannot be stored"
  },
  expected: [
    "acknowledged",
    ...[...faults, "InvalidAcknowledgement", ...acknowledgementCodes.map(pascal)].map(
      (reason) => `AuthenticationRequestError ${reason}`
    )
  ],
  trials: Effect.gen(function* () {
    const registration = yield* makeRegistration
    const context = yield* staticContext
    const success = members({ auth_req_id: "1c266114-a1be-4252-8ad1-04986c5b9ac1", expires_in: 120, interval: 2 })
    return (chance, hang) =>
      Effect.gen(function* () {
        const endpoint = yield* BackchannelAuthentication.make.pipe(
          Effect.provideService(
            Transport.Transport,
            yield* makeTransport(chance, answering(chance, success, acknowledgementCodes), hang)
          ),
          Effect.provideService(Throttle.Throttle, yield* Throttle.make()),
          Effect.provideService(ClientRegistration.ClientRegistration, registration),
          Effect.provideContext(context)
        )
        return yield* endpoint.initiate({ scope: ["openid"], hint: UserHint.login("jo@example.com") })
      })
  })
}

const encodePending = Schema.encodeResult(PendingAuthentication.unsafeJson)

const decodePending = Schema.decodeResult(PendingAuthentication.unsafeJson)

const tokenCodes = [
  "authorization_pending",
  "slow_down",
  "expired_token",
  "access_denied",
  "invalid_grant",
  "invalid_request",
  "invalid_client",
  "unauthorized_client",
  "invalid_scope",
  "invalid_authorization_details",
  "invalid_target",
  "invalid_grant_id",
  "unsupported_grant_type",
  "transaction_failed",
  "use_dpop_nonce",
  "invalid_dpop_proof",
  "strange_code"
] as const

const sign = (header: string, payload: string): string => {
  const input = `${Base64Url.encode(header)}.${Base64Url.encode(payload)}`
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`
}

/** An ID Token with a valid signature, whatever its header and its claims are; or one that is changed after that. */
const idToken = (chance: Chance, now: number): string => {
  const claims: Members = members({
    iss: issuer,
    sub: "jo",
    aud: [clientId],
    exp: now + 600,
    iat: now,
    nbf: now,
    auth_time: now,
    azp: clientId,
    nonce: "nonce",
    acr: "high",
    amr: ["pin"],
    "urn:openid:params:jwt:claim:auth_req_id": "request-a"
  })
  const header = members({ alg: "HS256", typ: "JWT" })
  const encode = (given: Members) => `{${given.map(([name, value]) => `${json(name)}:${value}`).join(",")}}`
  const ways: readonly [string, ...ReadonlyArray<string>] = [
    "good",
    "claims",
    "other",
    "other",
    "times",
    "header",
    "text"
  ]
  const way = SeededRandom.oneOf(chance, ways)
  const off = Math.floor((chance() - 0.5) * 400_000)
  const time = SeededRandom.oneOf(chance, [
    now + off,
    now + off,
    -1,
    0.5,
    8_640_000_000_001,
    9_007_199_254_740_992
  ]).toString()
  const late = (names: ReadonlyArray<string>): Members =>
    claims.map(([name, value]) => [name, names.includes(name) ? time : value])
  const other = Math.floor(chance() * claims.length)
  const payload =
    way === "claims"
      ? mutate(chance, claims)
      : way === "times"
        ? late(SeededRandom.oneOf(chance, [["exp"], ["iat"], ["nbf"], ["auth_time"]]))
        : way === "other"
          ? claims.map(([name, value], index): Members[number] => [name, index === other ? json("other") : value])
          : claims
  const jwt = sign(encode(way === "header" ? mutate(chance, header) : header), encode(payload))
  const at = Math.floor(chance() * jwt.length)
  return way === "text"
    ? SeededRandom.oneOf(chance, [
        jwt.slice(0, at),
        `${jwt.slice(0, at)}.${jwt.slice(at)}`,
        `${jwt}=`,
        `${jwt} `,
        jwt.split(".").reverse().join(".")
      ])
    : jwt
}

const pending = PendingAuthentication.PendingAuthentication.make({
  version: 1,
  id: "a",
  issuer,
  clientId,
  authReqId: authReqId("request-a"),
  deliveryMode: "poll",
  expiresAt: DateTime.makeUnsafe("2100-01-01T00:00:00Z"),
  interval: Duration.seconds(5),
  scope: ["openid"],
  expectations: {
    nonce: Redacted.make("nonce", { label: "nonce" }),
    subject: Redacted.make("jo", { label: "subject" }),
    acrValues: ["high"],
    maxAge: Duration.minutes(5)
  }
})

/** The token response, and the ID Token in it. */
export const token: EntryPoint<unknown> = {
  name: "token response",
  errors: Schema.Union([TokenError.TokenError, IdTokenError.IdTokenError]),
  success: (value) =>
    value instanceof VerifiedIdentity.VerifiedIdentity && value.subject === "jo" ? "verified" : "wrong identity",
  expected: [
    "verified",
    ...[...faults, "InvalidTokenResponse", ...tokenCodes.map(pascal)].map((reason) => `TokenError ${reason}`),
    ...[
      "MalformedToken",
      "UnexpectedAlgorithm",
      "InvalidSignature",
      "InvalidClaims",
      "WrongIssuer",
      "WrongAudience",
      "WrongAuthorizedParty",
      "Expired",
      "NotYetValid",
      "IssuedTooLongAgo",
      "WrongNonce",
      "WrongSubject",
      "WrongBinding",
      "UnsatisfiedAcr",
      "StaleAuthentication",
      "UnexpectedTokenType"
    ].map((reason) => `IdTokenError ${reason}`)
  ],
  trials: Effect.gen(function* () {
    const context = yield* staticContext
    const key = yield* TestKeys.signing("ES256", "proof")
    return (chance, hang) =>
      Effect.gen(function* () {
        const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
        const constraint = happens(chance, 0.05) ? yield* Dpop.make({ key }) : yield* SenderConstraint.SenderConstraint
        const success = members({
          access_token: "2YotnFZFEjr1zCsicMWpAA",
          token_type: constraint.tokenType,
          id_token: idToken(chance, now),
          refresh_token: "tGzv3JOkF0XG5Qx2TlKWIA",
          expires_in: 3600,
          scope: "openid"
        })
        const makeParts = Effect.gen(function* () {
          const transport = yield* makeTransport(chance, answering(chance, success, tokenCodes), hang)
          const registration = yield* makeRegistration
          const endpoint = yield* Effect.provideService(TokenEndpoint.make, Transport.Transport, transport).pipe(
            Effect.provideService(ClientRegistration.ClientRegistration, registration)
          )
          const verifier = yield* Effect.provideService(
            IdTokenVerifier.make,
            ClientRegistration.ClientRegistration,
            registration
          )
          return { endpoint, verifier }
        })
        const { endpoint, verifier } = yield* makeParts.pipe(
          Effect.provideService(SenderConstraint.SenderConstraint, constraint),
          Effect.provideContext(context)
        )
        return yield* verifier.verify(yield* endpoint.redeem(pending.authReqId), pending)
      })
  })
}
