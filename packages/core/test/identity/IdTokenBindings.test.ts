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
const hashed = (name: string, from: number, to: number): string => {
  const digest = createHash(name).update(accessToken).digest()
  return digest.subarray(digest.length * from, digest.length * to).toString("base64url")
}

/** Tokens that are known beforehand, and the claims about them. */
const sending = (
  claims: JsonObject,
  algorithm: JwsAlgorithm.JwsAlgorithm = "RS256",
  more: JsonObject = {}
): Variation => ({
  provider: {
    client: TestClient.clientSecretBasic({ idTokenSignedResponseAlg: algorithm }),
    idTokenClaims: (honest) => ({ ...honest, ...claims }),
    tokenResponse: (body) => ({ ...body, access_token: accessToken, ...more })
  },
  options: { idTokenSignedResponseAlg: algorithm }
})

const wrong = (claim: string) => ({ stage: "IdTokenError", _tag: "WrongBinding", claim })

describe("at_hash", () => {
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
    it.effect(`is the left half of ${hash} of the access token under ${algorithm} (I6)`, () =>
      Effect.gen(function* () {
        const right = hashed(hash, 0, 0.5)
        const { accessToken: given, claims } = yield* authenticate(sending({ at_hash: right }, algorithm))
        expect([Redacted.value(given), claims.at_hash]).toEqual([accessToken, right])
        for (const at_hash of [
          `${right.slice(0, -4)}AAAA`,
          right.toLowerCase(),
          `${right}=`,
          right.slice(0, -1),
          hashed(hash, 0.5, 1),
          hashed(hash, 0, 1),
          hashed(another, 0, 0.5),
          accessToken,
          ""
        ]) {
          expect(yield* failureOf(sending({ at_hash }, algorithm))).toEqual(wrong("at_hash"))
        }
      })
    )

    it.effect(`may be absent under ${algorithm}`, () =>
      Effect.gen(function* () {
        const { claims } = yield* authenticate(sending({ at_hash: undefined }, algorithm))
        expect(claims.at_hash).toBeUndefined()
      })
    )
  }
})

describe("rt_hash", () => {
  const refreshing = (claims: JsonObject) =>
    sending({ ...vectors, ...claims }, "RS256", { refresh_token: refreshToken })

  it.effect("is the specification's for the specification's tokens (I6, I7)", () =>
    Effect.gen(function* () {
      const identity = yield* authenticate(refreshing({}))
      expect(identity.claims).toMatchObject(vectors)
      expect(identity.refreshToken && Redacted.value(identity.refreshToken)).toBe(refreshToken)
    })
  )

  for (const forged of [vectors.at_hash, `${vectors[rtHash]}=`, refreshToken, ""]) {
    it.effect(`is not ${forged === "" ? "empty" : forged}, which is refused (I7)`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(refreshing({ [rtHash]: forged }))).toEqual(wrong("rt_hash"))
      })
    )
  }

  it.effect("may be absent in poll mode (I7)", () =>
    Effect.gen(function* () {
      expect((yield* authenticate(refreshing({ [rtHash]: undefined }))).claims[rtHash]).toBeUndefined()
    })
  )
})

describe("the auth_req_id in an ID Token", () => {
  /** The claim is made from the id that the provider acknowledged. */
  const naming = (claim: (id: string) => string): Variation => {
    let id = ""
    return {
      provider: {
        acknowledgement: (body) => {
          id = String(body.auth_req_id)
          return body
        },
        idTokenClaims: (honest) => ({ ...honest, [authReqId]: claim(id) })
      }
    }
  }

  it.effect("is the id itself, and not shown with the other claims: it is a bearer (I7)", () =>
    Effect.gen(function* () {
      const { claims, subject } = yield* authenticate(naming((id) => id))
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
    ["the id and more", (id) => `${id}A`],
    ["nothing", () => ""]
  ] satisfies ReadonlyArray<readonly [string, (id: string) => string]>) {
    it.effect(`is not ${what}, which is refused (I7)`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(naming(claim))).toEqual(wrong("auth_req_id"))
      })
    )
  }
})

describe("the type of the access token", () => {
  for (const type of ["Bearer", "bEARER", "BEARER"]) {
    it.effect(`may be written ${type} (I2)`, () =>
      Effect.gen(function* () {
        expect((yield* authenticate(withTokenResponse((body) => ({ ...body, token_type: type })))).tokenType).toBe(
          "Bearer"
        )
      })
    )
  }

  for (const type of ["mac", "N_A", "MAC"]) {
    it.effect(`may be ${type} where the client recognizes it, and is handed on as it came`, () =>
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
    ["Bearer ", "Bearer "]
  ] as const) {
    it.effect(`is not "${type}", which this client could not use, and nothing is shown (I5)`, () =>
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
