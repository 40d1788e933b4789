import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import {
  type Ciba,
  Dpop,
  FreshIdentity,
  IdTokenDecryption,
  IdTokenVerifier,
  type SecurityProfile,
  SigningKey,
  TokenResponse,
  type VerifiedIdentity
} from "@effect-ciba/core"
import { TestKeys } from "@effect-ciba/testing"
import { Effect, Redacted } from "effect"
import { Base64Url } from "effect/encoding"
import { CompactEncrypt, exportJWK, generateKeyPair } from "jose"
import * as TokenHash from "../../src/crypto/TokenHash.ts"
import { encodeJson, type JsonObject, join, replace, signHmac } from "../support/Jwt.ts"
import {
  clientId,
  issuer,
  json,
  makeIdentity,
  now,
  originalClaims,
  refreshedClaims,
  refreshedTokens,
  scriptedProvider,
  setTestClock,
  signToken
} from "../support/ScriptedProvider.ts"

const rtHash = "urn:openid:params:jwt:claim:rt_hash"

interface Given {
  readonly claims?: JsonObject
  readonly idToken?: Effect.Effect<string>
  readonly response?: JsonObject
  readonly old?: VerifiedIdentity.VerifiedIdentity
  readonly options?: Partial<Ciba.Options>
}

/** A refresh with a valid response, but for what is given. */
const refresh = ({ claims, idToken, old = makeIdentity(), options, response }: Given) =>
  Effect.gen(function* () {
    yield* setTestClock
    const id_token = yield* idToken ??
      Effect.flatMap(refreshedClaims(), (validClaims) => signToken({ ...validClaims, ...claims }))
    const responder = json(200, { ...refreshedTokens, id_token, ...response })
    return yield* Effect.provide(FreshIdentity.refresh(old), scriptedProvider([responder]).layer(options))
  })

const failureOf = (given: Given) =>
  Effect.map(Effect.flip(refresh(given)), (error) => {
    expect(`${error.message} ${inspect(error, { depth: 9, showHidden: true })}`).not.toContain("marker")
    return { stage: error._tag, ...error.reason }
  })

describe("IdTokenVerifier.verifyRefreshed, for an ID Token", () => {
  it.effect("replaces the earlier ID Token by the one beside refreshed tokens (Q3)", () =>
    Effect.gen(function* () {
      const { claims, idToken, issuer: by, subject } = yield* refresh({ claims: { acr: "2" } })
      expect(claims).toEqual({ ...originalClaims, exp: now + 3600, iat: now, acr: "2", at_hash: expect.any(String) })
      expect(Redacted.value(idToken)).not.toBe("marker-id-1")
      expect([by, subject]).toEqual([issuer, originalClaims.sub])
    })
  )

  for (const [what, claims] of [
    ["without auth_time", { auth_time: undefined }],
    ["with the iat of the earlier one", { iat: originalClaims.iat }],
    ["with the auth_time of the refresh", { auth_time: originalClaims.auth_time + 1 }],
    ["with an iat that is earlier by no more than the clock tolerance", { iat: originalClaims.iat - 30 }],
    ["with a list of audiences that are all the client, and azp", { aud: [clientId], azp: clientId }],
    ["without at_hash", { at_hash: undefined }]
  ] as const) {
    it.effect(`accepts an ID Token ${what} beside refreshed tokens (Q3)`, () =>
      Effect.gen(function* () {
        expect((yield* refresh({ claims })).claims).toMatchObject({ sub: originalClaims.sub })
      })
    )
  }

  it.effect("accepts an ID Token with auth_time beside refreshed tokens if the earlier one has none (Q3)", () =>
    Effect.gen(function* () {
      const { auth_time: _, ...silent } = originalClaims
      expect((yield* refresh({ old: makeIdentity({ claims: silent }) })).claims.auth_time).toBe(
        originalClaims.auth_time
      )
    })
  )

  it.effect("accepts an ID Token without nonce, or with that of the earlier one, beside refreshed tokens (Q3)", () =>
    Effect.gen(function* () {
      const old = makeIdentity({ claims: { ...originalClaims, nonce: "n-1" } })
      expect((yield* refresh({ old })).claims.nonce).toBeUndefined()
      expect((yield* refresh({ old, claims: { nonce: "n-1" } })).claims.nonce).toBe("n-1")
    })
  )

  for (const [what, claims, reason] of [
    ["another issuer", { iss: "https://other.test" }, { _tag: "WrongIssuer" }],
    ["another subject", { sub: "another" }, { _tag: "WrongSubject" }],
    ["another audience", { aud: "another" }, { _tag: "WrongAudience" }],
    ["an additional audience", { aud: [clientId, "another"] }, { _tag: "WrongAudience" }],
    ["another authorized party", { azp: "another" }, { _tag: "WrongAuthorizedParty" }],
    ["an exp in the past", { exp: now - 31 }, { _tag: "Expired" }],
    ["an iat in the future", { iat: now + 31 }, { _tag: "NotYetValid" }],
    [
      "an iat that is earlier than that of the earlier one by more than the clock tolerance",
      { iat: originalClaims.iat - 31 },
      { _tag: "RefreshedClaimMismatch", claim: "iat" }
    ],
    [
      "an earlier auth_time",
      { auth_time: originalClaims.auth_time - 1 },
      { _tag: "RefreshedClaimMismatch", claim: "auth_time" }
    ],
    [
      "a nonce that the earlier one does not have",
      { nonce: "n-1" },
      { _tag: "RefreshedClaimMismatch", claim: "nonce" }
    ],
    [
      "the at_hash of another access token",
      { at_hash: "AAAAAAAAAAAAAAAAAAAAAA" },
      { _tag: "WrongBinding", claim: "at_hash" }
    ],
    ["no subject", { sub: undefined }, { _tag: "InvalidClaims" }]
  ] as const) {
    it.effect(`rejects an ID Token with ${what} beside refreshed tokens (Q3)`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf({ claims })).toMatchObject({ stage: "IdTokenError", ...reason })
      })
    )
  }

  it.effect("compares the rt_hash of an ID Token with the new refresh token (Q3)", () =>
    Effect.gen(function* () {
      const hash = yield* TokenHash.leftHalf(Redacted.make("marker-refresh-2"), "ES256")
      const response = { refresh_token: "marker-refresh-2" }
      expect((yield* refresh({ claims: { [rtHash]: hash }, response })).claims[rtHash]).toBe(hash)
      expect(yield* failureOf({ claims: { [rtHash]: `${hash}=` }, response })).toMatchObject({
        _tag: "WrongBinding",
        claim: "rt_hash"
      })
    })
  )

  it.effect(
    "rejects an ID Token beside refreshed tokens with the signature of another key, or with claims that were not signed (Q3)",
    () =>
      Effect.gen(function* () {
        const { publicJwk } = yield* TestKeys.signing("ES256")
        const otherKey = yield* TestKeys.signing("ES256", "stranger")
        const validClaims = yield* refreshedClaims()
        const other = Redacted.make(yield* signToken(validClaims, { key: otherKey }))
        const valid = Redacted.make(yield* signToken(validClaims))
        for (const bad of [
          replace(other, { header: { alg: "ES256", kid: publicJwk.kid } }),
          replace(valid, { payload: { ...validClaims, exp: validClaims.exp + 1 } })
        ]) {
          expect(yield* failureOf({ idToken: Effect.succeed(Redacted.value(bad)) })).toMatchObject({
            _tag: "InvalidSignature"
          })
        }
        expect(yield* failureOf({ idToken: Effect.succeed(Redacted.value(other)) })).toMatchObject({
          _tag: "UnknownKey"
        })
      })
  )

  it.effect(
    "rejects an ID Token beside refreshed tokens that is signed with another algorithm, or with none (Q3)",
    () =>
      Effect.gen(function* () {
        const validClaims = yield* refreshedClaims()
        const { publicJwk } = yield* TestKeys.signing("ES256")
        const payload = Base64Url.encode(encodeJson(validClaims))
        const tries = {
          none: Effect.succeed(join({ alg: "none" }, validClaims, "")),
          RS256: Effect.flatMap(TestKeys.signing("RS256"), (key) => signToken(validClaims, { key })),
          HS256: Effect.map(signHmac(encodeJson(publicJwk), { alg: "HS256" }, payload), Redacted.value)
        }
        for (const [actual, idToken] of Object.entries(tries)) {
          expect(yield* failureOf({ idToken })).toMatchObject({
            _tag: "UnexpectedAlgorithm",
            expected: "ES256",
            actual
          })
        }
      })
  )

  it.effect(
    "requires a registered encryption of the ID Token beside refreshed tokens, and gives it decrypted (Q3)",
    () =>
      Effect.gen(function* () {
        const { privateKey, publicKey } = yield* Effect.promise(() => generateKeyPair("ECDH-ES", { extractable: true }))
        const jwk = yield* Effect.promise(() => exportJWK(privateKey))
        const inner = yield* Effect.flatMap(refreshedClaims(), (validClaims) => signToken(validClaims))
        const idToken = Effect.promise(() =>
          new CompactEncrypt(new TextEncoder().encode(inner))
            .setProtectedHeader({ alg: "ECDH-ES", enc: "A128CBC-HS256" })
            .encrypt(publicKey)
        )
        const decryption = IdTokenDecryption.layer({ keys: [Redacted.make<unknown>(jwk)], keyAlgorithm: "ECDH-ES" })
        const next = yield* Effect.provide(refresh({ idToken }), decryption)
        expect(Redacted.value(next.idToken)).toBe(inner)
        expect(yield* Effect.provide(failureOf({}), decryption)).toMatchObject({ _tag: "NotEncrypted" })
      })
  )

  it.effect("rejects an ID Token beside refreshed tokens whose iss is not that of the earlier one (Q3)", () =>
    Effect.gen(function* () {
      yield* setTestClock
      const body = { ...refreshedTokens, id_token: yield* signToken(yield* refreshedClaims()) }
      const response = yield* Effect.flatMap(TokenResponse.receive(body), TokenResponse.decodeRefresh)
      const old = makeIdentity({ claims: { ...originalClaims, iss: "https://other.test" } })
      const error = yield* IdTokenVerifier.IdTokenVerifier.use((verifier) =>
        verifier.verifyRefreshed(response, old)
      ).pipe(Effect.flip, Effect.provide(scriptedProvider([json(200, {})]).layer()))
      expect({ ...error.reason }).toEqual({ _tag: "RefreshedClaimMismatch", claim: "iss" })
      expect(error.message).toBe(
        'RefreshedClaimMismatch: a claim does not match the ID Token that was refreshed (claim "iss")'
      )
    })
  )
})

describe("IdTokenVerifier.verifyRefreshed, for tokens", () => {
  const dpop = Dpop.layer({ key: SigningKey.generate("ES256") })

  for (const [what, response] of [
    ["with an ID Token", {}],
    ["without an ID Token", { id_token: undefined }]
  ] as const) {
    it.effect(`rejects refreshed tokens ${what} that are of another type than the client uses (M10)`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf({ response: { ...response, token_type: "DPoP" } })).toMatchObject({
          stage: "IdTokenError",
          _tag: "UnexpectedTokenType",
          expected: "Bearer",
          actual: "DPoP"
        })
        expect(yield* Effect.provide(failureOf({ response }), dpop)).toMatchObject({
          _tag: "UnexpectedTokenType",
          expected: "DPoP",
          actual: "Bearer"
        })
      })
    )

    it.effect(`rejects refreshed tokens ${what} that violate the profile`, () =>
      Effect.gen(function* () {
        const profile: SecurityProfile.SecurityProfile = {
          name: "Narrow",
          registration: [],
          request: [],
          response: [
            {
              reference: "1",
              parameter: "scope",
              problem: ({ claims, grantedScope, requestedScope }) =>
                grantedScope.length < requestedScope.length && claims.sub === originalClaims.sub
                  ? "it is less"
                  : undefined
            }
          ]
        }
        expect(yield* failureOf({ response: { ...response, scope: "openid" }, options: { profile } })).toMatchObject({
          _tag: "ProfileViolation",
          parameter: "scope"
        })
        expect((yield* refresh({ response, options: { profile } })).scope).toEqual(["openid", "email"])
      })
    )
  }
})
