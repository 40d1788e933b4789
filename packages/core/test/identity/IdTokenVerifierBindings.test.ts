import { createHash } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import type { JwsAlgorithm } from "@effect-ciba/core"
import { TestClient } from "@effect-ciba/testing"
import type { JsonObject } from "@effect-ciba/testing/ProviderOptions"
import { Effect, Redacted } from "effect"
import { authenticate, failureOf, type Variation, withTokenResponse } from "../support/ForgedResponses.ts"

const rtHash = "urn:openid:params:jwt:claim:rt_hash"
const authReqId = "urn:openid:params:jwt:claim:auth_req_id"

/** The vectors of CIBA Core 10.3.1. */
const accessToken = "G5kXH2wHvUra0sHlDy1iTkDJgsgUO1bN"
const refreshToken = "4bwc0ESC_IAhflf-ACC_vjD_ltc11ne-8gFPfA2Kx16"
const vectors = { at_hash: "Wt0kVFXMacqvnHeyU0001w", [rtHash]: "sHahCuSpXCRg5mkDDvvr4w" }

/** A part of the hash of the access token, by another implementation than the library's. */
const hashPart = (name: string, from: number, to: number): string => {
  const digest = createHash(name).update(accessToken).digest()
  return digest.subarray(digest.length * from, digest.length * to).toString("base64url")
}

/** Tokens that are known beforehand, and the claims about them. */
const send = (
  claims: JsonObject,
  algorithm: JwsAlgorithm.JwsAlgorithm = "RS256",
  more: JsonObject = {}
): Variation => ({
  provider: {
    client: TestClient.clientSecretBasic({ idTokenSignedResponseAlg: algorithm }),
    idTokenClaims: (original) => ({ ...original, ...claims }),
    tokenResponse: (body) => ({ ...body, access_token: accessToken, ...more })
  },
  options: { idTokenSignedResponseAlg: algorithm }
})

const wrongBinding = (claim: string) => ({ stage: "IdTokenError", _tag: "WrongBinding", claim })

describe("IdTokenVerifier.verify, for at_hash", () => {
  for (const [algorithm, hash, another] of [
    ["RS256", "sha256", "sha512"],
    ["ES256", "sha256", "sha384"],
    ["HS256", "sha256", "sha384"],
    ["PS384", "sha384", "sha256"],
    ["ES384", "sha384", "sha512"],
    ["HS384", "sha384", "sha512"],
    ["RS512", "sha512", "sha256"],
    ["ES512", "sha512", "sha384"],
    ["HS512", "sha512", "sha256"],
    ["EdDSA", "sha512", "sha256"],
    ["Ed25519", "sha512", "sha256"]
  ] as const) {
    it.effect(
      `accepts only the left half of the ${hash} hash of the access token as at_hash under ${algorithm} (I6)`,
      () =>
        Effect.gen(function* () {
          const right = hashPart(hash, 0, 0.5)
          const { accessToken: given, claims } = yield* authenticate(send({ at_hash: right }, algorithm))
          expect([Redacted.value(given), claims.at_hash]).toEqual([accessToken, right])
          for (const at_hash of [
            `${right.slice(0, -4)}AAAA`,
            right.toLowerCase(),
            `${right}=`,
            right.slice(0, -1),
            hashPart(hash, 0.5, 1),
            hashPart(hash, 0, 1),
            hashPart(another, 0, 0.5),
            accessToken,
            ""
          ]) {
            expect(yield* failureOf(send({ at_hash }, algorithm))).toEqual(wrongBinding("at_hash"))
          }
        })
    )

    it.effect(`accepts an ID Token without at_hash under ${algorithm}`, () =>
      Effect.gen(function* () {
        const { claims } = yield* authenticate(send({ at_hash: undefined }, algorithm))
        expect(claims.at_hash).toBeUndefined()
      })
    )
  }
})

describe("IdTokenVerifier.verify, for rt_hash", () => {
  const sendWithRefreshToken = (claims: JsonObject) =>
    send({ ...vectors, ...claims }, "RS256", { refresh_token: refreshToken })

  it.effect("accepts the at_hash and rt_hash of the specification's example (I6, I7)", () =>
    Effect.gen(function* () {
      const identity = yield* authenticate(sendWithRefreshToken({}))
      expect(identity.claims).toMatchObject(vectors)
      expect(identity.refreshToken && Redacted.value(identity.refreshToken)).toBe(refreshToken)
    })
  )

  for (const forged of [vectors.at_hash, `${vectors[rtHash]}=`, refreshToken, ""]) {
    it.effect(`rejects "${forged}" as rt_hash (I7)`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(sendWithRefreshToken({ [rtHash]: forged }))).toEqual(wrongBinding("rt_hash"))
      })
    )
  }

  it.effect("accepts an ID Token without rt_hash in poll mode (I7)", () =>
    Effect.gen(function* () {
      expect((yield* authenticate(sendWithRefreshToken({ [rtHash]: undefined }))).claims[rtHash]).toBeUndefined()
    })
  )
})

describe("IdTokenVerifier.verify, for auth_req_id", () => {
  /** The claim is made from the id that the provider acknowledged. */
  const sendAuthReqId = (claim: (id: string) => string): Variation => {
    let id = ""
    return {
      provider: {
        acknowledgement: (body) => {
          id = String(body.auth_req_id)
          return body
        },
        idTokenClaims: (original) => ({ ...original, [authReqId]: claim(id) })
      }
    }
  }

  it.effect("accepts the pending auth_req_id in an ID Token, and does not show it with the other claims (I7)", () =>
    Effect.gen(function* () {
      const { claims, subject } = yield* authenticate(sendAuthReqId((id) => id))
      expect(claims).toMatchObject({ sub: subject })
      expect(claims).not.toHaveProperty([authReqId])
    })
  )

  for (const [what, claim] of [
    ["another id", () => "1c266114-a1be-4252-8ad1-04986c5b9ac1"],
    [
      "the left half of its hash",
      (id) => createHash("sha256").update(id).digest().subarray(0, 16).toString("base64url")
    ],
    ["the id with a character appended", (id) => `${id}A`],
    ["an empty string", () => ""]
  ] satisfies ReadonlyArray<readonly [string, (id: string) => string]>) {
    it.effect(`rejects ${what} as the auth_req_id of an ID Token (I7)`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(sendAuthReqId(claim))).toEqual(wrongBinding("auth_req_id"))
      })
    )
  }
})

describe("TokenValidation.validate, for token_type", () => {
  for (const type of ["Bearer", "bEARER", "BEARER"]) {
    it.effect(`accepts ${type} for the token_type Bearer (I2)`, () =>
      Effect.gen(function* () {
        expect((yield* authenticate(withTokenResponse((body) => ({ ...body, token_type: type })))).tokenType).toBe(
          "Bearer"
        )
      })
    )
  }

  for (const type of ["mac", "N_A", "MAC"]) {
    it.effect(`accepts the token_type ${type} if the client recognizes it, and gives it unchanged`, () =>
      Effect.gen(function* () {
        const options = { compatibility: { recognizedTokenTypes: ["Mac", "n_a"] } }
        const given = { ...withTokenResponse((body) => ({ ...body, token_type: type, mac_key: "marker" })), options }
        const { additional, tokenType } = yield* authenticate(given)
        expect(tokenType).toBe(type)
        expect(Redacted.value(additional)).toEqual({ mac_key: "marker" })
        const other = { ...withTokenResponse((body) => ({ ...body, token_type: "pop" })), options }
        expect(yield* failureOf(other)).toMatchObject({
          _tag: "UnexpectedTokenType",
          expected: "Bearer",
          actual: "pop"
        })
      })
    )
  }

  for (const [type, actual] of [
    ["DPoP", "DPoP"],
    ["dPOP", "DPoP"],
    ["mac", "mac"],
    ["N_A", "N_A"],
    [" ", " "]
  ] as const) {
    it.effect(`rejects the token_type "${type}", which this client cannot use, and shows nothing (I5)`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(withTokenResponse((body) => ({ ...body, token_type: type })))).toEqual({
          stage: "IdTokenError",
          _tag: "UnexpectedTokenType",
          expected: "Bearer",
          actual
        })
      })
    )
  }
})
