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

/** A refresh whose answer is good but for what is given. */
const refreshing = ({ claims, idToken, old = makeIdentity(), options, response }: Given) =>
  Effect.gen(function* () {
    yield* setTestClock
    const id_token = yield* idToken ??
      Effect.flatMap(refreshedClaims(), (honest) => signToken({ ...honest, ...claims }))
    const answer = json(200, { ...refreshedTokens, id_token, ...response })
    return yield* Effect.provide(FreshIdentity.refresh(old), scriptedProvider([answer]).layer(options))
  })

const refusal = (given: Given) =>
  Effect.map(Effect.flip(refreshing(given)), (error) => {
    expect(`${error.message} ${inspect(error, { depth: 9, showHidden: true })}`).not.toContain("marker")
    return { stage: error._tag, ...error.reason }
  })

describe("an ID Token that comes with refreshed tokens", () => {
  it.effect("takes the place of the old one (Q3)", () =>
    Effect.gen(function* () {
      const { claims, idToken, issuer: by, subject } = yield* refreshing({ claims: { acr: "2" } })
      expect(claims).toEqual({ ...originalClaims, exp: now + 3600, iat: now, acr: "2", at_hash: expect.any(String) })
      expect(Redacted.value(idToken)).not.toBe("marker-id-1")
      expect([by, subject]).toEqual([issuer, originalClaims.sub])
    })
  )

  for (const [what, claims] of [
    ["need not say when the person authenticated", { auth_time: undefined }],
    ["may be of the same second as the old one", { iat: originalClaims.iat }],
    ["may name the client among audiences, each of them the client", { aud: [clientId], azp: clientId }],
    ["needs no hash", { at_hash: undefined }]
  ] as const) {
    it.effect(`${what} (Q3)`, () =>
      Effect.gen(function* () {
        expect((yield* refreshing({ claims })).claims).toMatchObject({ sub: originalClaims.sub })
      })
    )
  }

  it.effect("may say when the person authenticated where the old one did not (Q3)", () =>
    Effect.gen(function* () {
      const { auth_time: _, ...silent } = originalClaims
      expect((yield* refreshing({ old: makeIdentity({ claims: silent }) })).claims.auth_time).toBe(
        originalClaims.auth_time
      )
    })
  )

  it.effect("needs no nonce, and may have that of the old one (Q3)", () =>
    Effect.gen(function* () {
      const old = makeIdentity({ claims: { ...originalClaims, nonce: "n-1" } })
      expect((yield* refreshing({ old })).claims.nonce).toBeUndefined()
      expect((yield* refreshing({ old, claims: { nonce: "n-1" } })).claims.nonce).toBe("n-1")
    })
  )

  for (const [what, claims, reason] of [
    ["another issuer", { iss: "https://other.test" }, { _tag: "WrongIssuer" }],
    ["another subject", { sub: "another" }, { _tag: "WrongSubject" }],
    ["another audience", { aud: "another" }, { _tag: "WrongAudience" }],
    ["another audience, too", { aud: [clientId, "another"] }, { _tag: "WrongAudience" }],
    ["another authorized party", { azp: "another" }, { _tag: "WrongAuthorizedParty" }],
    ["an end that has passed", { exp: now - 31 }, { _tag: "Expired" }],
    ["a beginning that lies ahead", { iat: now + 31 }, { _tag: "NotYetValid" }],
    [
      "an older beginning than the old one",
      { iat: originalClaims.iat - 1 },
      { _tag: "RefreshedClaimMismatch", claim: "iat" }
    ],
    [
      "a later authentication",
      { auth_time: originalClaims.auth_time + 1 },
      { _tag: "RefreshedClaimMismatch", claim: "auth_time" }
    ],
    [
      "an earlier authentication",
      { auth_time: originalClaims.auth_time - 1 },
      { _tag: "RefreshedClaimMismatch", claim: "auth_time" }
    ],
    ["a nonce that the old one does not have", { nonce: "n-1" }, { _tag: "RefreshedClaimMismatch", claim: "nonce" }],
    [
      "the hash of another access token",
      { at_hash: "AAAAAAAAAAAAAAAAAAAAAA" },
      { _tag: "WrongBinding", claim: "at_hash" }
    ],
    ["no subject", { sub: undefined }, { _tag: "InvalidClaims" }]
  ] as const) {
    it.effect(`with ${what} is refused (Q3)`, () =>
      Effect.gen(function* () {
        expect(yield* refusal({ claims })).toMatchObject({ stage: "IdTokenError", ...reason })
      })
    )
  }

  it.effect("is bound to the new refresh token, where it says so (Q3)", () =>
    Effect.gen(function* () {
      const hash = yield* TokenHash.leftHalf(Redacted.make("marker-refresh-2"), "ES256")
      const response = { refresh_token: "marker-refresh-2" }
      expect((yield* refreshing({ claims: { [rtHash]: hash }, response })).claims[rtHash]).toBe(hash)
      expect(yield* refusal({ claims: { [rtHash]: `${hash}=` }, response })).toMatchObject({
        _tag: "WrongBinding",
        claim: "rt_hash"
      })
    })
  )

  it.effect("with the signature of another key, or with other claims than the signed ones, is refused (Q3)", () =>
    Effect.gen(function* () {
      const { publicJwk } = yield* TestKeys.signing("ES256")
      const stranger = yield* TestKeys.signing("ES256", "stranger")
      const honest = yield* refreshedClaims()
      const other = Redacted.make(yield* signToken(honest, { key: stranger }))
      const good = Redacted.make(yield* signToken(honest))
      for (const bad of [
        replace(other, { header: { alg: "ES256", kid: publicJwk.kid } }),
        replace(good, { payload: { ...honest, exp: honest.exp + 1 } })
      ]) {
        expect(yield* refusal({ idToken: Effect.succeed(Redacted.value(bad)) })).toMatchObject({
          _tag: "InvalidSignature"
        })
      }
      expect(yield* refusal({ idToken: Effect.succeed(Redacted.value(other)) })).toMatchObject({ _tag: "UnknownKey" })
    })
  )

  it.effect("with another algorithm than the registered one, or with none, is refused (Q3)", () =>
    Effect.gen(function* () {
      const honest = yield* refreshedClaims()
      const { publicJwk } = yield* TestKeys.signing("ES256")
      const payload = Base64Url.encode(encodeJson(honest))
      const tries = {
        none: Effect.succeed(join({ alg: "none" }, honest, "")),
        RS256: Effect.flatMap(TestKeys.signing("RS256"), (key) => signToken(honest, { key })),
        HS256: Effect.map(signHmac(encodeJson(publicJwk), { alg: "HS256" }, payload), Redacted.value)
      }
      for (const [actual, idToken] of Object.entries(tries)) {
        expect(yield* refusal({ idToken })).toMatchObject({ _tag: "UnexpectedAlgorithm", expected: "ES256", actual })
      }
    })
  )

  it.effect("must be encrypted where that was registered, and is kept out of its encryption (Q3)", () =>
    Effect.gen(function* () {
      const { privateKey, publicKey } = yield* Effect.promise(() => generateKeyPair("ECDH-ES", { extractable: true }))
      const jwk = yield* Effect.promise(() => exportJWK(privateKey))
      const inner = yield* Effect.flatMap(refreshedClaims(), (honest) => signToken(honest))
      const idToken = Effect.promise(() =>
        new CompactEncrypt(new TextEncoder().encode(inner))
          .setProtectedHeader({ alg: "ECDH-ES", enc: "A128CBC-HS256" })
          .encrypt(publicKey)
      )
      const decryption = IdTokenDecryption.layer({ keys: [Redacted.make<unknown>(jwk)], keyAlgorithm: "ECDH-ES" })
      const next = yield* Effect.provide(refreshing({ idToken }), decryption)
      expect(Redacted.value(next.idToken)).toBe(inner)
      expect(yield* Effect.provide(refusal({}), decryption)).toMatchObject({ _tag: "NotEncrypted" })
    })
  )

  it.effect("must have the issuer of the old one, whoever is at hand (Q3)", () =>
    Effect.gen(function* () {
      yield* setTestClock
      const body = { ...refreshedTokens, id_token: yield* signToken(yield* refreshedClaims()) }
      const response = yield* Effect.flatMap(TokenResponse.receive(body), TokenResponse.decodeRefresh)
      const old = makeIdentity({ claims: { ...originalClaims, iss: "https://other.test" } })
      const error = yield* IdTokenVerifier.IdTokenVerifier.use((verifier) =>
        verifier.verifyRefreshed(response, old)
      ).pipe(Effect.flip, Effect.provide(scriptedProvider([json(200, {})]).layer()))
      expect({ ...error.reason }).toEqual({ _tag: "RefreshedClaimMismatch", claim: "iss" })
      expect(error.message).toBe("ID Token: its iss does not go with the ID Token that it renews")
    })
  )
})

describe("refreshed tokens", () => {
  const dpop = Dpop.layer({ key: SigningKey.generate("ES256") })

  for (const [what, response] of [
    ["with an ID Token", {}],
    ["without one", { id_token: undefined }]
  ] as const) {
    it.effect(`${what} must be of the type that the client can use (M10)`, () =>
      Effect.gen(function* () {
        expect(yield* refusal({ response: { ...response, token_type: "DPoP" } })).toMatchObject({
          stage: "IdTokenError",
          _tag: "UnexpectedTokenType",
          expected: "Bearer",
          actual: "DPoP"
        })
        expect(yield* Effect.provide(refusal({ response }), dpop)).toMatchObject({
          _tag: "UnexpectedTokenType",
          expected: "DPoP",
          actual: "Bearer"
        })
      })
    )

    it.effect(`${what} must keep to the profile`, () =>
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
        expect(yield* refusal({ response: { ...response, scope: "openid" }, options: { profile } })).toMatchObject({
          _tag: "ProfileViolation",
          parameter: "scope"
        })
        expect((yield* refreshing({ response, options: { profile } })).scope).toEqual(["openid", "email"])
      })
    )
  }
})
