import { describe, expect, it } from "@effect/vitest"
import { UserHint } from "@effect-ciba/core"
import { TestClient, TestKeys } from "@effect-ciba/testing"
import { Effect } from "effect"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"
import { believed, claims, type Given, issuer, refusal, subject } from "../support/Verdict.ts"

const withNonce = (given: Given): Given => ({ ...given, request: { extensionParameters: { nonce: "n-1" } } })

const demanding = (...acrValues: ReadonlyArray<string>) => ({ request: { acrValues, essentialAcr: true } })

const accepted: ReadonlyArray<readonly [title: string, given: Given]> = [
  ["an honest token", {}],
  ["an audience that is a list of one (J3)", claims({ aud: [TestClient.clientId] })],
  ["an authorized party that is the client (J4)", claims({ azp: TestClient.clientId })],
  ["a nonce, where none was sent (J10)", claims({ nonce: "whatever" })],
  ["the nonce that was sent (I8)", withNonce({})],
  ["a subject of 255 characters (J11)", claims({ sub: "x".repeat(255) })],
  [
    "another class than the wanted ones, where none is demanded",
    { ...claims({ acr: "0" }), request: { acrValues: ["1"] } }
  ],
  ["no class, where none is demanded", { ...claims({ acr: undefined }), request: { acrValues: ["1"] } }],
  ["the second of the demanded classes (I9)", { ...claims({ acr: "silver" }), ...demanding("gold", "silver") }]
]

const missing = (claim: string) => ({ _tag: "InvalidClaims", issues: `Missing key\n  at ["${claim}"]` })

const wrongAudience = (actual: string) => ({ _tag: "WrongAudience", expected: TestClient.clientId, actual })

const wrongIssuer = (actual: string) => ({ _tag: "WrongIssuer", expected: issuer, actual })

const refused: ReadonlyArray<readonly [title: string, reason: object, given: Given]> = [
  ["no issuer (J2)", missing("iss"), claims({ iss: undefined })],
  ["another issuer (J2)", wrongIssuer("https://evil.test"), claims({ iss: "https://evil.test" })],
  ["the issuer and a slash (J2)", wrongIssuer(`${issuer}/`), claims({ iss: `${issuer}/` })],
  ["the issuer in capitals (J2)", wrongIssuer("https://PROVIDER.test"), claims({ iss: "https://PROVIDER.test" })],
  ["no audience (J3)", missing("aud"), claims({ aud: undefined })],
  ["another audience (J3)", wrongAudience("other"), claims({ aud: "other" })],
  ["an audience that begins with the client (J3)", wrongAudience("test-client-2"), claims({ aud: "test-client-2" })],
  ["one audience too many (J3)", wrongAudience("test-client other"), claims({ aud: [TestClient.clientId, "other"] })],
  ["a list of another audience (J3)", wrongAudience("other"), claims({ aud: ["other"] })],
  [
    "a list of no audience (J3)",
    { _tag: "InvalidClaims", issues: expect.stringContaining('at ["aud"]') },
    claims({ aud: [] })
  ],
  [
    "another authorized party (J4)",
    { _tag: "WrongAuthorizedParty", expected: TestClient.clientId, actual: "other" },
    claims({ azp: "other" })
  ],
  ["another nonce than the one that was sent (I8)", { _tag: "WrongNonce" }, withNonce(claims({ nonce: "n-2" }))],
  ["no nonce, where one was sent (I8)", { _tag: "WrongNonce" }, withNonce(claims({ nonce: undefined }))],
  ["no subject (J11)", missing("sub"), claims({ sub: undefined })],
  [
    "an empty subject (J11)",
    { _tag: "InvalidClaims", issues: 'Expected a value with a length of at least 1\n  at ["sub"]' },
    claims({ sub: "" })
  ],
  [
    "a subject of 256 characters (J11)",
    { _tag: "InvalidClaims", issues: 'Expected a value with a length of at most 255\n  at ["sub"]' },
    claims({ sub: "x".repeat(256) })
  ],
  [
    "a subject that is no text",
    { _tag: "InvalidClaims", issues: 'Expected string\n  at ["sub"]' },
    claims({ sub: { name: "marker-subject" } })
  ],
  [
    "another class than the demanded one (I9)",
    { _tag: "UnsatisfiedAcr", expected: ["gold"], actual: "bronze" },
    { ...claims({ acr: "bronze" }), ...demanding("gold") }
  ],
  [
    "a class that is a part of the demanded one (I9)",
    { _tag: "UnsatisfiedAcr", expected: ["gold"], actual: "gol" },
    { ...claims({ acr: "gol" }), ...demanding("gold") }
  ],
  [
    "no class, where one is demanded (I9)",
    { _tag: "UnsatisfiedAcr", expected: ["gold", "silver"] },
    { ...claims({ acr: undefined }), ...demanding("gold", "silver") }
  ]
]

describe("an ID Token is believed with", () => {
  for (const [title, given] of accepted) {
    it.effect(title, () =>
      Effect.gen(function* () {
        expect((yield* believed(given)).claims.marker).toBe("marker-claim")
      })
    )
  }
})

describe("an ID Token is refused, and shows nothing (I5), with", () => {
  for (const [title, reason, given] of refused) {
    it.effect(title, () =>
      Effect.gen(function* () {
        expect(yield* refusal(given)).toEqual({ stage: "IdTokenError", ...reason })
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
      expect((yield* believed(yield* hint)).subject).toBe(subject)
    })
  )

  it.effect("is refused if it is about another person (I11)", () =>
    Effect.gen(function* () {
      const reason = yield* refusal({ ...claims({ sub: "max" }), ...(yield* hint) })
      expect(reason).toEqual({ stage: "IdTokenError", _tag: "WrongSubject" })
    })
  )
})
