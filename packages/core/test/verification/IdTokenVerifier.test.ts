import { describe, expect, it } from "@effect/vitest"
import {
  type AuthenticationRequest,
  Ciba,
  ClientAuthentication,
  IdToken,
  IdTokenVerifier,
  JsonWebToken,
  JwsAlgorithm,
  SigningKey,
  TokenHash,
  UserHint
} from "@effect-ciba/core"
import { TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Fiber, Inspectable, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { replace } from "../support/Jwt.ts"

const week = 7 * 24 * 3600
const claimPrefix = "urn:openid:params:jwt:claim:"

interface Case {
  readonly provider?: ProviderOptions
  readonly options?: Partial<Ciba.Options>
  readonly request?: Partial<AuthenticationRequest.Options>
}

const start = { scope: ["openid"], hint: UserHint.login("jo@example.com") }

/** The flow a month after the epoch, so that there is a past. */
const outcome = ({ options, provider, request }: Case) =>
  Effect.gen(function* () {
    yield* TestClock.adjust("30 days")
    const flow = yield* Effect.forkChild(Effect.exit(Ciba.authenticate({ ...start, ...request })))
    yield* TestClock.adjust("5 seconds")
    return yield* yield* Fiber.join(flow)
  }).pipe(
    Effect.provide(
      Ciba.layer({
        issuer: "https://provider.test",
        clientId: TestClient.clientId,
        authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
        ...options
      }).pipe(Layer.provideMerge(TestProvider.layer({ user: TestUser.approve(), ...provider })))
    )
  )

const claims = (change: Readonly<Record<string, unknown>>): Case => ({
  provider: { idTokenClaims: (honest) => ({ ...honest, marker: "a marker claim", ...change }) }
})

const shifted = (claim: string, seconds: number): Case => ({
  provider: {
    idTokenClaims: (honest) => ({ ...honest, marker: "a marker claim", [claim]: Number(honest.iat) + seconds })
  }
})

const accepted: ReadonlyArray<readonly [title: string, given: Case]> = [
  ["an honest token", claims({})],
  ["an audience that is a list of one (J3)", claims({ aud: [TestClient.clientId] })],
  ["an authorized party that is the client (J4)", claims({ azp: TestClient.clientId })],
  ["a beginning three seconds ahead (J9, T-24)", shifted("iat", 3)],
  ["a beginning thirty seconds ahead, which is the tolerance (J9, T-24)", shifted("iat", 30)],
  ["an end twenty-nine seconds ago (J8, T-24)", shifted("exp", -29)],
  ["a nonce that nobody sent (J10)", claims({ nonce: "whatever" })],
  [
    "another class than the wanted ones, where they are not demanded (I9)",
    { ...claims({ acr: "bronze" }), request: { acrValues: ["gold"] } }
  ],
  [
    "one of the demanded classes (I9)",
    { ...claims({ acr: "silver" }), request: { acrValues: ["gold", "silver"], essentialAcr: true } }
  ],
  ["the nonce that was sent (I8)", { ...claims({ nonce: "n-1" }), request: { extensionParameters: { nonce: "n-1" } } }],
  ["a subject of 255 characters (J11)", claims({ sub: "x".repeat(255) })],
  ["a token without a key id, where one key fits (J12)", { provider: { idTokenHeaderKeyId: null } }],
  [
    "a token without a key id, where several keys fit: each is tried (J12, T-33)",
    {
      provider: {
        idTokenHeaderKeyId: null,
        keys: ({ keys }) => ({ keys: [...stranger(keys[0]), { kty: "RSA", n: "broken", e: "AQAB" }, ...keys] })
      }
    }
  ]
]

/** Another RSA key with the same id; its modulus has one digit changed. */
const stranger = (key: Readonly<Record<string, unknown>> | undefined) =>
  key === undefined ? [] : [{ ...key, n: String(key.n).replace(/.{4}$/, "AAAA") }]

const refused: ReadonlyArray<readonly [title: string, reason: object, given: Case]> = [
  ["no issuer (J2)", { _tag: "InvalidClaims" }, claims({ iss: undefined })],
  ["another issuer (J2)", { _tag: "WrongIssuer", actual: "https://evil.test" }, claims({ iss: "https://evil.test" })],
  ["the issuer with a slash more (J2)", { _tag: "WrongIssuer" }, claims({ iss: "https://provider.test/" })],
  ["no audience (J3)", { _tag: "InvalidClaims" }, claims({ aud: undefined })],
  ["another audience (J3)", { _tag: "WrongAudience", actual: "other" }, claims({ aud: "other" })],
  ["one audience too many (J3)", { _tag: "WrongAudience" }, claims({ aud: [TestClient.clientId, "other"] })],
  ["an empty audience (J3)", { _tag: "InvalidClaims" }, claims({ aud: [] })],
  ["another authorized party (J4)", { _tag: "WrongAuthorizedParty", actual: "other" }, claims({ azp: "other" })],
  ["a signature by another key (J5)", { _tag: "InvalidSignature" }, {}],
  [
    "a key id that the provider does not have (J5, A13)",
    { _tag: "UnknownKey", keyId: "nobody's" },
    { provider: { idTokenHeaderKeyId: "nobody's" } }
  ],
  [
    "another algorithm than the registered one (J6)",
    { _tag: "UnexpectedAlgorithm", expected: "PS256", actual: "RS256" },
    { options: { idTokenSignedResponseAlg: "PS256" } }
  ],
  ["no end (J8)", { _tag: "InvalidClaims" }, claims({ exp: undefined })],
  ["an end six minutes ago (J8)", { _tag: "Expired" }, shifted("exp", -360)],
  ["an end as long ago as the tolerance (J8, T-24)", { _tag: "Expired" }, shifted("exp", -30)],
  ["no beginning (J9)", { _tag: "InvalidClaims" }, claims({ iat: undefined })],
  ["a beginning ten minutes ahead (J9)", { _tag: "NotYetValid", claim: "iat" }, shifted("iat", 600)],
  ["a beginning a second beyond the tolerance (J9, T-24)", { _tag: "NotYetValid" }, shifted("iat", 31)],
  ["a beginning a week ago (J9)", { _tag: "IssuedTooLongAgo" }, shifted("iat", -week)],
  ["validity from later on (J9)", { _tag: "NotYetValid", claim: "nbf" }, shifted("nbf", 600)],
  [
    "another nonce than the one that was sent (I8, J10)",
    { _tag: "WrongNonce" },
    { ...claims({ nonce: "n-2" }), request: { extensionParameters: { nonce: "n-1" } } }
  ],
  [
    "no nonce, where one was sent (I8)",
    { _tag: "WrongNonce" },
    { ...claims({ nonce: undefined }), request: { extensionParameters: { nonce: "n-1" } } }
  ],
  ["no subject (J11)", { _tag: "InvalidClaims" }, claims({ sub: undefined })],
  ["an empty subject (J11)", { _tag: "InvalidClaims" }, claims({ sub: "" })],
  ["a subject of 256 characters (J11)", { _tag: "InvalidClaims" }, claims({ sub: "x".repeat(256) })],
  [
    "a hash of another access token (I6)",
    { _tag: "WrongBinding", claim: "at_hash" },
    claims({ at_hash: "A".repeat(22) })
  ],
  [
    "a hash of another refresh token (I7)",
    { _tag: "WrongBinding", claim: "rt_hash" },
    { provider: { refreshTokens: true, ...claims({ [`${claimPrefix}rt_hash`]: "A".repeat(22) }).provider } }
  ],
  [
    "the id of another request (I7, T-16)",
    { _tag: "WrongBinding", claim: "auth_req_id" },
    claims({ [`${claimPrefix}auth_req_id`]: "another" })
  ],
  [
    "none of the demanded classes (I9)",
    { _tag: "UnsatisfiedAcr", actual: "bronze" },
    { ...claims({ acr: "bronze" }), request: { acrValues: ["gold"], essentialAcr: true } }
  ],
  [
    "no class, where one is demanded (I9)",
    { _tag: "UnsatisfiedAcr" },
    { ...claims({ acr: undefined }), request: { acrValues: ["gold"], essentialAcr: true } }
  ],
  [
    "an authentication older than max_age (I10)",
    { _tag: "StaleAuthentication" },
    { ...shifted("auth_time", -331), request: { extensionParameters: { max_age: "300" } } }
  ],
  [
    "no time of authentication, where max_age was sent (I10)",
    { _tag: "StaleAuthentication" },
    { ...claims({ auth_time: undefined }), request: { extensionParameters: { max_age: "300" } } }
  ],
  [
    "a token of a type that nobody asked for (I2, T-15)",
    { _tag: "UnexpectedTokenType", actual: "mac" },
    { provider: { tokenResponse: (body) => ({ ...body, token_type: "mac" }) } }
  ],
  [
    "a token that is bound to a key that the client does not have (I2)",
    { _tag: "UnexpectedTokenType", actual: "DPoP" },
    { provider: { tokenResponse: (body) => ({ ...body, token_type: "dpop" }) } }
  ],
  [
    "an ID Token that is no JWT (J5)",
    { _tag: "MalformedToken" },
    { provider: { tokenResponse: (body) => ({ ...body, id_token: "not.a-token" }) } }
  ]
]

describe("an ID Token is believed with", () => {
  for (const [title, given] of accepted) {
    it.effect(title, () =>
      Effect.gen(function* () {
        expect((yield* outcome(given)).issuer).toBe("https://provider.test")
      })
    )
  }
})

describe("an ID Token is refused with", () => {
  for (const [title, reason, given] of refused) {
    it.effect(title, () =>
      Effect.gen(function* () {
        const forged = title.startsWith("a signature by")
          ? { provider: { idTokenKey: yield* SigningKey.generate("RS256"), idTokenHeaderKeyId: null } }
          : given
        const error = yield* Effect.flip(outcome(forged))
        expect(error).toMatchObject({ _tag: "IdTokenError", reason })
        const shown = JSON.stringify(error) + Inspectable.toStringUnknown(error) + error.message
        expect(shown).not.toContain("marker")
      })
    )
  }
})

describe("a signature", () => {
  const verified = (algorithm: JwsAlgorithm.JwsAlgorithm, provider: ProviderOptions = {}) =>
    outcome({
      provider: { client: TestClient.clientSecretBasic({ idTokenSignedResponseAlg: algorithm }), ...provider },
      options: { idTokenSignedResponseAlg: algorithm }
    })

  for (const algorithm of JwsAlgorithm.JwsAlgorithm.literals) {
    it.effect(`in ${algorithm} is verified, and the token's hash with it (J5, J6, J7, I6)`, () =>
      Effect.gen(function* () {
        const identity = yield* verified(algorithm)
        expect(identity.claims.at_hash).toBe(yield* TokenHash.half(identity.accessToken, algorithm))
      })
    )
  }

  it.effect("by another secret is refused (J7)", () =>
    Effect.gen(function* () {
      const key = SigningKey.fromSecret(Redacted.make("another secret, and long enough for HMAC"), "HS256")
      const error = yield* Effect.flip(verified("HS256", { idTokenKey: key }))
      expect(error).toMatchObject({ reason: { _tag: "InvalidSignature" } })
    })
  )

  it.effect("in HMAC with the provider's public key is refused, whatever the token names (J7)", () =>
    Effect.gen(function* () {
      const { publicJwk } = yield* TestKeys.signing("RS256")
      const key = SigningKey.fromSecret(Redacted.make(JSON.stringify(publicJwk)), "HS256")
      const error = yield* Effect.flip(outcome({ provider: { idTokenKey: key } }))
      expect(error).toMatchObject({ reason: { _tag: "UnexpectedAlgorithm", expected: "RS256", actual: "HS256" } })
    })
  )

  const alone = Effect.gen(function* () {
    const verifier = yield* IdTokenVerifier.IdTokenVerifier
    const honest = yield* JsonWebToken.sign(
      { iss: "https://provider.test", aud: TestClient.clientId, sub: "jo", iat: 0, exp: 600 },
      { key: yield* TestKeys.signing("RS256") }
    )
    return { honest, verifier }
  })

  const atProvider = Ciba.layer({
    issuer: "https://provider.test",
    clientId: TestClient.clientId,
    authentication: ClientAuthentication.none
  }).pipe(Layer.provide(TestProvider.layer()))

  it.effect("is needed: none has no spelling, and a token without one is refused (J5, J6)", () =>
    Effect.gen(function* () {
      const { honest, verifier } = yield* alone
      const unsigned = replace(honest, { header: { alg: "none" }, signature: "" })
      const error = yield* Effect.flip(verifier.claims(IdToken.make(unsigned)))
      expect(error).toMatchObject({ reason: { _tag: "UnexpectedAlgorithm", actual: "none" } })
    }).pipe(Effect.provide(atProvider))
  )

  it.effect("covers every character of header and claims (J5)", () =>
    Effect.gen(function* () {
      const { honest, verifier } = yield* alone
      expect((yield* verifier.claims(IdToken.make(honest))).sub).toBe("jo")
      const text = Redacted.value(honest)
      const errors = yield* Effect.forEach(
        Array.from({ length: text.length }, (_, index) => index).filter(
          (index) => text[index] !== "." && index % 3 === 0
        ),
        (index) => {
          const other = text[index] === "A" ? "Q" : "A"
          return Effect.exit(verifier.claims(IdToken.make(text.slice(0, index) + other + text.slice(index + 1))))
        }
      )
      expect(errors.filter((exit) => exit._tag === "Success")).toEqual([])
    }).pipe(Effect.provide(atProvider))
  )

  it.effect("does not help a token about another person than the hint's (I11)", () =>
    Effect.gen(function* () {
      const { honest, verifier } = yield* alone
      expect((yield* verifier.claims(IdToken.make(honest), { subject: "jo" })).sub).toBe("jo")
      const error = yield* Effect.flip(verifier.claims(IdToken.make(honest), { subject: "max" }))
      expect(error.reason._tag).toBe("WrongSubject")
    }).pipe(Effect.provide(atProvider))
  )
})
