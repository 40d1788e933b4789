import { describe, expect, it } from "@effect/vitest"
import { UserHint } from "@effect-ciba/core"
import { TestClient, TestKeys } from "@effect-ciba/testing"
import { Effect } from "effect"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"
import { authenticate, failureOf, issuer, subject, type Variation, withClaims } from "../support/ForgedResponses.ts"

const withNonce = (given: Variation): Variation => ({ ...given, request: { extensionParameters: { nonce: "n-1" } } })

const demanding = (...acrValues: ReadonlyArray<string>) => ({ request: { acrValues, essentialAcr: true } })

const accepted: ReadonlyArray<readonly [title: string, given: Variation]> = [
  ["an honest token", {}],
  ["an audience that is a list of one (J3)", withClaims({ aud: [TestClient.clientId] })],
  ["an authorized party that is the client (J4)", withClaims({ azp: TestClient.clientId })],
  ["a nonce, where none was sent (J10)", withClaims({ nonce: "whatever" })],
  ["the nonce that was sent (I8)", withNonce({})],
  ["a subject of 255 characters (J11)", withClaims({ sub: "x".repeat(255) })],
  [
    "another class than the wanted ones, where none is demanded",
    { ...withClaims({ acr: "0" }), request: { acrValues: ["1"] } }
  ],
  ["no class, where none is demanded", { ...withClaims({ acr: undefined }), request: { acrValues: ["1"] } }],
  ["the second of the demanded classes (I9)", { ...withClaims({ acr: "silver" }), ...demanding("gold", "silver") }]
]

const missing = (claim: string) => ({ _tag: "InvalidClaims", issues: `Missing key\n  at ["${claim}"]` })

const wrongAudience = (actual: string) => ({ _tag: "WrongAudience", expected: TestClient.clientId, actual })

const wrongIssuer = (actual: string) => ({ _tag: "WrongIssuer", expected: issuer, actual })

const refused: ReadonlyArray<readonly [title: string, reason: object, given: Variation]> = [
  ["no issuer (J2)", missing("iss"), withClaims({ iss: undefined })],
  ["another issuer (J2)", wrongIssuer("https://evil.test"), withClaims({ iss: "https://evil.test" })],
  ["the issuer and a slash (J2)", wrongIssuer(`${issuer}/`), withClaims({ iss: `${issuer}/` })],
  ["the issuer in capitals (J2)", wrongIssuer("https://PROVIDER.test"), withClaims({ iss: "https://PROVIDER.test" })],
  ["no audience (J3)", missing("aud"), withClaims({ aud: undefined })],
  ["another audience (J3)", wrongAudience("other"), withClaims({ aud: "other" })],
  [
    "an audience that begins with the client (J3)",
    wrongAudience("test-client-2"),
    withClaims({ aud: "test-client-2" })
  ],
  [
    "one audience too many (J3)",
    wrongAudience("test-client other"),
    withClaims({ aud: [TestClient.clientId, "other"] })
  ],
  ["a list of another audience (J3)", wrongAudience("other"), withClaims({ aud: ["other"] })],
  [
    "a list of no audience (J3)",
    { _tag: "InvalidClaims", issues: expect.stringContaining('at ["aud"]') },
    withClaims({ aud: [] })
  ],
  [
    "another authorized party (J4)",
    { _tag: "WrongAuthorizedParty", expected: TestClient.clientId, actual: "other" },
    withClaims({ azp: "other" })
  ],
  ["another nonce than the one that was sent (I8)", { _tag: "WrongNonce" }, withNonce(withClaims({ nonce: "n-2" }))],
  ["no nonce, where one was sent (I8)", { _tag: "WrongNonce" }, withNonce(withClaims({ nonce: undefined }))],
  ["no subject (J11)", missing("sub"), withClaims({ sub: undefined })],
  [
    "an empty subject (J11)",
    { _tag: "InvalidClaims", issues: 'Expected a value with a length of at least 1\n  at ["sub"]' },
    withClaims({ sub: "" })
  ],
  [
    "a subject of 256 characters (J11)",
    { _tag: "InvalidClaims", issues: 'Expected a value with a length of at most 255\n  at ["sub"]' },
    withClaims({ sub: "x".repeat(256) })
  ],
  [
    "a subject that is no text",
    { _tag: "InvalidClaims", issues: 'Expected string\n  at ["sub"]' },
    withClaims({ sub: { name: "marker-subject" } })
  ],
  [
    "another class than the demanded one (I9)",
    { _tag: "UnsatisfiedAcr", expected: ["gold"], actual: "bronze" },
    { ...withClaims({ acr: "bronze" }), ...demanding("gold") }
  ],
  [
    "a class that is a part of the demanded one (I9)",
    { _tag: "UnsatisfiedAcr", expected: ["gold"], actual: "gol" },
    { ...withClaims({ acr: "gol" }), ...demanding("gold") }
  ],
  [
    "no class, where one is demanded (I9)",
    { _tag: "UnsatisfiedAcr", expected: ["gold", "silver"] },
    { ...withClaims({ acr: undefined }), ...demanding("gold", "silver") }
  ]
]

describe("an ID Token is believed with", () => {
  for (const [title, given] of accepted) {
    it.effect(title, () =>
      Effect.gen(function* () {
        expect((yield* authenticate(given)).claims.marker).toBe("marker-claim")
      })
    )
  }
})

describe("an ID Token is refused, and shows nothing (I5), with", () => {
  for (const [title, reason, given] of refused) {
    it.effect(title, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(given)).toEqual({ stage: "IdTokenError", ...reason })
      })
    )
  }
})

describe("an ID Token that answers an id_token_hint", () => {
  const hint = Effect.gen(function* () {
    const key = yield* TestKeys.signing("RS256")
    const earlier = yield* JsonWebToken.sign({ iss: issuer, aud: TestClient.clientId, sub: subject, exp: 1 }, { key })
    return { request: { hint: UserHint.idToken(earlier) } }
  })

  it.effect("is believed if it is about the same person (I11)", () =>
    Effect.gen(function* () {
      expect((yield* authenticate(yield* hint)).subject).toBe(subject)
    })
  )

  it.effect("is refused if it is about another person (I11)", () =>
    Effect.gen(function* () {
      const reason = yield* failureOf({ ...withClaims({ sub: "max" }), ...(yield* hint) })
      expect(reason).toEqual({ stage: "IdTokenError", _tag: "WrongSubject" })
    })
  )
})
