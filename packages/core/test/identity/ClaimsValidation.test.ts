import { describe, expect, it } from "@effect/vitest"
import { UserHint } from "@effect-ciba/core"
import { TestClient, TestKeys } from "@effect-ciba/testing"
import { DateTime, Duration, Effect, Redacted } from "effect"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"
import * as ClaimsValidation from "../../src/identity/ClaimsValidation.ts"
import {
  authenticate,
  failureOf,
  issuer,
  respondedAt,
  subject,
  type Variation,
  withClaims,
  withTimes
} from "../support/ForgedResponses.ts"
import { pending } from "../support/PendingAuthentications.ts"

const day = 24 * 3600

const nest = (levels: number): unknown => (levels === 0 ? 1 : [nest(levels - 1)])

const withNonce = (given: Variation): Variation => ({ ...given, request: { extensionParameters: { nonce: "n-1" } } })

const requireAcr = (...acrValues: ReadonlyArray<string>) => ({ request: { acrValues, essentialAcr: true } })

const withTolerance = (clockTolerance: 0 | "10 seconds", given: Variation): Variation => ({
  ...given,
  options: { clockTolerance }
})

const withMaxAge = (seconds: string | number, given: Variation): Variation => ({
  ...given,
  request: { extensionParameters: { max_age: seconds } }
})

const withRegistration = (options: Variation["options"], given: Variation): Variation => ({
  ...given,
  options: { ...options }
})

const accepted: ReadonlyArray<readonly [claims: string, given: Variation]> = [
  ["the claims of a regular flow", {}],
  ["the client in a list of audiences (J3)", withClaims({ aud: [TestClient.clientId] })],
  ["an authorized party that is the client (J4)", withClaims({ azp: TestClient.clientId })],
  ["a nonce if none was sent (J10)", withClaims({ nonce: "whatever" })],
  ["the nonce that was sent (I8)", withNonce({})],
  ["a subject of 255 characters (J11)", withClaims({ sub: "x".repeat(255) })],
  [
    "another acr than the requested ones if none is essential",
    { ...withClaims({ acr: "0" }), request: { acrValues: ["1"] } }
  ],
  ["no acr if none is essential", { ...withClaims({ acr: undefined }), request: { acrValues: ["1"] } }],
  [
    "the second of the essential acr values (I9)",
    { ...withClaims({ acr: "silver" }), ...requireAcr("gold", "silver") }
  ],
  ["an exp a millisecond short of thirty seconds ago (J8)", withTimes({ exp: -29.999 })],
  ["an iat three seconds ahead (J9, T-24)", withTimes({ iat: 3 })],
  ["an iat thirty seconds ahead (J9)", withTimes({ iat: 30 })],
  ["an empty authorized party (J18)", withClaims({ azp: "" })],
  ["an nbf in the year 1, as some issuers write no time (J18)", withClaims({ nbf: -62_135_596_800 })],
  ["an nbf thirty seconds ahead (T-24)", withTimes({ nbf: 30 })],
  ["an iat as long before the request as clocks may differ (J20)", withTimes({ iat: -35 })],
  ["an iat of exactly a day ago with the nonce that was sent (J9)", withNonce(withTimes({ iat: -day }))],
  ["an iat of an hour before the request with the nonce that was sent (J20)", withNonce(withTimes({ iat: -3605 }))],
  [
    "an iat as long before the request as the registered tolerance (J20)",
    withTolerance("10 seconds", withTimes({ iat: -15 }))
  ],
  ["an iat in the second of the request, without tolerance (J20)", withTolerance(0, withTimes({ iat: -5 }))],
  [
    "an exp a millisecond short of the registered tolerance ago (J8)",
    withTolerance("10 seconds", withTimes({ exp: -9.999 }))
  ],
  ["an iat as far ahead as the registered tolerance (J9)", withTolerance("10 seconds", withTimes({ iat: 10 }))],
  ["an exp a millisecond ahead, without tolerance (J8)", withTolerance(0, withTimes({ exp: 0.001 }))],
  ["an iat at this moment, without tolerance (J9)", withTolerance(0, withTimes({ iat: 0 }))],
  ["an auth_time as old as max_age and the tolerance (I10)", withMaxAge("300", withTimes({ auth_time: -330 }))],
  [
    "an auth_time as far ahead as the tolerance if max_age was sent (I10)",
    withMaxAge("300", withTimes({ auth_time: 30 }))
  ],
  ["an old auth_time if no max_age was sent", withTimes({ auth_time: -day })],
  ["no auth_time if no max_age was sent", withClaims({ auth_time: undefined })],
  [
    "an auth_time as old as the registered default_max_age and the tolerance",
    withRegistration({ defaultMaxAge: "5 minutes" }, withTimes({ auth_time: -330 }))
  ],
  [
    "an auth_time older than the registered default_max_age if a larger max_age was sent",
    withMaxAge("3600", withRegistration({ defaultMaxAge: "5 minutes" }, withTimes({ auth_time: -600 })))
  ],
  [
    "further audiences that are trusted, without and with an authorized party (J17)",
    withRegistration({ trustedAudiences: ["project", "other"] }, withClaims({ aud: [TestClient.clientId, "other"] }))
  ],
  [
    "further audiences that are trusted, and the client as authorized party (J17)",
    withRegistration(
      { trustedAudiences: ["other"] },
      withClaims({ aud: ["other", TestClient.clientId], azp: TestClient.clientId })
    )
  ],
  ...["nonce", "acr", "amr", "azp", "auth_time", "nbf", "at_hash", "events"].map(
    (claim) => [`null for ${claim} (J18)`, withClaims({ [claim]: null })] as const
  ),
  ["a number for an acr that was not asked for (J18)", withClaims({ acr: 1 })],
  ["a text for amr (J18)", withClaims({ amr: "pwd" })],
  ["a claim that is not read, nested 1,000 levels deep (J18)", withClaims({ odd: nest(1000) })],
  ["a list for a nonce that was not sent (J18)", withClaims({ nonce: ["n"] })],
  [
    "an auth_time of any age if require_auth_time is registered",
    withRegistration({ requireAuthTime: true }, withTimes({ auth_time: -day * 30 }))
  ]
]

const missing = (claim: string) => ({ _tag: "InvalidClaims", issues: `Missing key\n  at ["${claim}"]` })

const wrongAudience = (actual: string) => ({ _tag: "WrongAudience", expected: TestClient.clientId, actual })

const wrongIssuer = (actual: string) => ({ _tag: "WrongIssuer", expected: issuer, actual })

const at = (offset: number) => DateTime.makeUnsafe((respondedAt + offset) * 1000)

const expiredReason = (offset: number) => ({ _tag: "Expired", at: at(offset) })

const olderReason = (offset: number) => ({ _tag: "IssuedBeforeRequest", at: at(offset), requestedAt: at(-5) })

const notYetReason = (claim: "iat" | "nbf", offset: number) => ({ _tag: "NotYetValid", claim, at: at(offset) })

const rejected: ReadonlyArray<readonly [claims: string, reason: object, given: Variation]> = [
  ["no issuer (J2)", missing("iss"), withClaims({ iss: undefined })],
  ["another issuer (J2)", wrongIssuer("https://evil.test"), withClaims({ iss: "https://evil.test" })],
  ["the issuer with a slash appended (J2)", wrongIssuer(`${issuer}/`), withClaims({ iss: `${issuer}/` })],
  ["the issuer in capitals (J2)", wrongIssuer("https://PROVIDER.test"), withClaims({ iss: "https://PROVIDER.test" })],
  ["no audience (J3)", missing("aud"), withClaims({ aud: undefined })],
  ["another audience (J3)", wrongAudience("other"), withClaims({ aud: "other" })],
  [
    "an audience that begins with the client (J3)",
    wrongAudience("test-client-2"),
    withClaims({ aud: "test-client-2" })
  ],
  [
    "an additional audience (J3)",
    wrongAudience("test-client other"),
    withClaims({ aud: [TestClient.clientId, "other"] })
  ],
  [
    "an additional audience that is not among the trusted ones (J17)",
    wrongAudience("test-client other project"),
    withRegistration({ trustedAudiences: ["project"] }, withClaims({ aud: [TestClient.clientId, "other", "project"] }))
  ],
  [
    "trusted audiences without the client (J17)",
    wrongAudience("project"),
    withRegistration({ trustedAudiences: ["project"] }, withClaims({ aud: "project" }))
  ],
  [
    "a logout token's events (J16)",
    { _tag: "InvalidClaims", issues: expect.stringContaining("events") },
    withClaims({ events: { "http://schemas.openid.net/event/backchannel-logout": {} } })
  ],
  [
    "a number for at_hash (J18)",
    { _tag: "InvalidClaims", issues: expect.stringContaining('at ["at_hash"]') },
    withClaims({ at_hash: 7 })
  ],
  [
    "a text for nbf (J18)",
    { _tag: "InvalidClaims", issues: expect.stringContaining('at ["nbf"]') },
    withClaims({ nbf: "soon" })
  ],
  ["a list that has the nonce that was sent (J18)", { _tag: "WrongNonce" }, withNonce(withClaims({ nonce: ["n-1"] }))],
  [
    "a number for an acr that is essential (J18)",
    { _tag: "UnsatisfiedAcr", expected: ["gold"] },
    { ...withClaims({ acr: 1 }), ...requireAcr("gold") }
  ],
  [
    "a text for the auth_time that max_age needs (J18)",
    { _tag: "StaleAuthentication" },
    withMaxAge("300", withClaims({ auth_time: "today" }))
  ],
  ["a list of another audience (J3)", wrongAudience("other"), withClaims({ aud: ["other"] })],
  [
    "an empty list of audiences (J3)",
    { _tag: "InvalidClaims", issues: expect.stringContaining('at ["aud"]') },
    withClaims({ aud: [] })
  ],
  [
    "another authorized party (J4)",
    { _tag: "WrongAuthorizedParty", expected: TestClient.clientId, actual: "other" },
    withClaims({ azp: "other" })
  ],
  ["another nonce than the one that was sent (I8)", { _tag: "WrongNonce" }, withNonce(withClaims({ nonce: "n-2" }))],
  ["no nonce if one was sent (I8)", { _tag: "WrongNonce" }, withNonce(withClaims({ nonce: undefined }))],
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
    "a subject that is not a string",
    { _tag: "InvalidClaims", issues: 'Expected string\n  at ["sub"]' },
    withClaims({ sub: { name: "marker-subject" } })
  ],
  [
    "another acr than the essential one (I9)",
    { _tag: "UnsatisfiedAcr", expected: ["gold"], actual: "bronze" },
    { ...withClaims({ acr: "bronze" }), ...requireAcr("gold") }
  ],
  [
    "an acr that is a prefix of the essential one (I9)",
    { _tag: "UnsatisfiedAcr", expected: ["gold"], actual: "gol" },
    { ...withClaims({ acr: "gol" }), ...requireAcr("gold") }
  ],
  [
    "no acr if one is essential (I9)",
    { _tag: "UnsatisfiedAcr", expected: ["gold", "silver"] },
    { ...withClaims({ acr: undefined }), ...requireAcr("gold", "silver") }
  ],
  ["no exp (J8)", { _tag: "InvalidClaims", issues: 'Missing key\n  at ["exp"]' }, withClaims({ exp: undefined })],
  [
    "an exp that is a string (J8)",
    { _tag: "InvalidClaims", issues: 'Expected number\n  at ["exp"]' },
    withClaims({ exp: `${respondedAt + 600}` })
  ],
  ["an exp six minutes ago (J8)", expiredReason(-360), withTimes({ exp: -360 })],
  ["an exp exactly thirty seconds ago (J8)", expiredReason(-30), withTimes({ exp: -30 })],
  [
    "an exp as long ago as the registered tolerance (J8)",
    expiredReason(-10),
    withTolerance("10 seconds", withTimes({ exp: -10 }))
  ],
  ["an exp at this moment, without tolerance (J8)", expiredReason(0), withTolerance(0, withTimes({ exp: 0 }))],
  ["no iat (J9)", { _tag: "InvalidClaims", issues: 'Missing key\n  at ["iat"]' }, withClaims({ iat: undefined })],
  ["an iat ten minutes ahead (J9)", notYetReason("iat", 600), withTimes({ iat: 600 })],
  ["an iat a millisecond more than thirty seconds ahead (J9)", notYetReason("iat", 30.001), withTimes({ iat: 30.001 })],
  [
    "an iat a millisecond beyond the registered tolerance (J9)",
    notYetReason("iat", 10.001),
    withTolerance("10 seconds", withTimes({ iat: 10.001 }))
  ],
  [
    "an iat a millisecond ahead, without tolerance (J9)",
    notYetReason("iat", 0.001),
    withTolerance(0, withTimes({ iat: 0.001 }))
  ],
  ["an iat a week ago (J9)", { _tag: "IssuedTooLongAgo", at: at(-7 * day) }, withTimes({ iat: -7 * day })],
  [
    "an iat a millisecond more than a day ago (J9)",
    { _tag: "IssuedTooLongAgo", at: at(-day - 0.001) },
    withTimes({ iat: -day - 0.001 })
  ],
  [
    "an iat of an hour before the request, though it expires later (J20)",
    olderReason(-3605),
    withTimes({ iat: -3605 })
  ],
  ["an iat a second more before the request than clocks may differ (J20)", olderReason(-36), withTimes({ iat: -36 })],
  [
    "an iat a second more before the request than the registered tolerance (J20)",
    olderReason(-16),
    withTolerance("10 seconds", withTimes({ iat: -16 }))
  ],
  [
    "an iat in the second before the request, without tolerance (J20)",
    olderReason(-6),
    withTolerance(0, withTimes({ iat: -6 }))
  ],
  ["an nbf ten minutes ahead", notYetReason("nbf", 600), withTimes({ nbf: 600 })],
  ["an nbf a millisecond more than thirty seconds ahead", notYetReason("nbf", 30.001), withTimes({ nbf: 30.001 })],
  [
    "an auth_time a millisecond older than max_age and the tolerance (I10)",
    { _tag: "StaleAuthentication", at: at(-330.001) },
    withMaxAge("300", withTimes({ auth_time: -330.001 }))
  ],
  [
    "an auth_time a minute ahead if max_age was sent (I10)",
    { _tag: "StaleAuthentication", at: at(60) },
    withMaxAge("300", withTimes({ auth_time: 60 }))
  ],
  [
    "an auth_time too old for a max_age that was sent as a number (I10)",
    { _tag: "StaleAuthentication", at: at(-331) },
    withMaxAge(300, withTimes({ auth_time: -331 }))
  ],
  [
    "an auth_time a minute ago if max_age is 0 (I10)",
    { _tag: "StaleAuthentication", at: at(-60) },
    withMaxAge("0", withTimes({ auth_time: -60 }))
  ],
  [
    "no auth_time if max_age was sent (I10)",
    { _tag: "StaleAuthentication" },
    withMaxAge("300", withClaims({ auth_time: undefined }))
  ],
  [
    "an auth_time a millisecond older than the registered default_max_age and the tolerance",
    { _tag: "StaleAuthentication", at: at(-330.001) },
    withRegistration({ defaultMaxAge: "5 minutes" }, withTimes({ auth_time: -330.001 }))
  ],
  [
    "no auth_time if default_max_age is registered",
    { _tag: "StaleAuthentication" },
    withRegistration({ defaultMaxAge: "5 minutes" }, withClaims({ auth_time: undefined }))
  ],
  [
    "no auth_time if require_auth_time is registered",
    { _tag: "StaleAuthentication" },
    withRegistration({ requireAuthTime: true }, withClaims({ auth_time: undefined }))
  ]
]

describe("ClaimsValidation.validate, for valid claims", () => {
  for (const [claims, given] of accepted) {
    it.effect(`accepts an ID Token with ${claims}`, () =>
      Effect.gen(function* () {
        expect((yield* authenticate(given)).claims.marker).toBe("marker-claim")
      })
    )
  }
})

describe("ClaimsValidation.validate, for invalid claims, without showing anything (I5)", () => {
  for (const [claims, reason, given] of rejected) {
    it.effect(`rejects an ID Token with ${claims}`, () =>
      Effect.gen(function* () {
        expect(yield* failureOf(given)).toEqual({ stage: "IdTokenError", ...reason })
      })
    )
  }
})

describe("ClaimsValidation.validate, after an id_token_hint", () => {
  const hint = Effect.gen(function* () {
    const key = yield* TestKeys.signing("RS256")
    const earlier = yield* JsonWebToken.sign({ iss: issuer, aud: TestClient.clientId, sub: subject, exp: 1 }, { key })
    return { request: { hint: UserHint.idToken(earlier) } }
  })

  it.effect("accepts an ID Token with the subject of the id_token_hint (I11)", () =>
    Effect.gen(function* () {
      expect((yield* authenticate(yield* hint)).subject).toBe(subject)
    })
  )

  it.effect("rejects an ID Token with another subject than the id_token_hint (I11)", () =>
    Effect.gen(function* () {
      const reason = yield* failureOf({ ...withClaims({ sub: "max" }), ...(yield* hint) })
      expect(reason).toEqual({ stage: "IdTokenError", _tag: "WrongSubject" })
    })
  )
})

describe("ClaimsValidation.validateRefreshed", () => {
  const earlier = {
    iss: issuer,
    sub: "jo",
    aud: TestClient.clientId,
    exp: 2000,
    iat: 1000,
    auth_time: 900,
    nonce: "n-1"
  }

  const tagOf = (claims: Partial<typeof earlier>, before: Partial<typeof earlier> = earlier) => {
    const reason = ClaimsValidation.validateRefreshed(
      { ...earlier, ...claims },
      { ...earlier, ...before },
      Duration.seconds(30)
    )
    return reason === undefined ? undefined : "claim" in reason ? reason.claim : reason._tag
  }

  const cases: ReadonlyArray<readonly [what: string, claims: Partial<typeof earlier>, found: string | undefined]> = [
    ["the same claims", {}, undefined],
    ["another issuer", { iss: "https://other.test" }, "iss"],
    ["another subject", { sub: "mary" }, "WrongSubject"],
    ["an iat as long before as clocks may differ", { iat: 970 }, undefined],
    ["an iat a second longer before", { iat: 969 }, "iat"],
    ["a later iat", { iat: 1500 }, undefined],
    ["an earlier auth_time", { auth_time: 899 }, "auth_time"],
    ["a later auth_time", { auth_time: 950 }, undefined],
    ["another nonce", { nonce: "n-2" }, "nonce"]
  ]
  for (const [what, claims, found] of cases) {
    it(`finds ${found ?? "nothing"} for ${what} (Q3)`, () => expect(tagOf(claims)).toBe(found))
  }

  it("finds nothing for an ID Token without auth_time and nonce (Q3)", () => {
    const { auth_time: _time, nonce: _nonce, ...claims } = earlier
    expect(ClaimsValidation.validateRefreshed(claims, earlier, Duration.zero)).toBeUndefined()
    expect(ClaimsValidation.validateRefreshed(claims, claims, Duration.zero)).toBeUndefined()
    const { auth_time: _earlierTime, ...before } = earlier
    expect(ClaimsValidation.validateRefreshed(earlier, before, Duration.zero)).toBeUndefined()
  })
})

describe("ClaimsValidation.validate, for an ID Token that is older than its request", () => {
  const claims = { iss: issuer, sub: "jo", aud: TestClient.clientId, exp: 10_000, iat: 4000 }
  const name = "urn:openid:params:jwt:claim:auth_req_id"
  const nonce = Redacted.make("n-1")

  const tagOf = (given: object, changes: Partial<Parameters<typeof ClaimsValidation.validate>[1]>) =>
    ClaimsValidation.validate(
      { ...claims, ...given },
      {
        issuer,
        clientId: TestClient.clientId,
        trustedAudiences: [],
        now: 6_000_000,
        tolerance: Duration.seconds(30),
        expectations: {},
        pending: pending("1", { requestedAt: DateTime.makeUnsafe(5_000_999) }),
        ...changes
      }
    )?._tag

  it("refuses it, if neither its nonce nor its auth_req_id binds it to the request (J20)", () => {
    expect(tagOf({}, {})).toBe("IssuedBeforeRequest")
    expect(tagOf({ [name]: "another" }, {})).toBe("IssuedBeforeRequest")
    expect(tagOf({ iat: 4969 }, {})).toBe("IssuedBeforeRequest")
    expect(tagOf({ iat: 4970 }, {})).toBeUndefined()
  })

  it("takes it with the nonce or the auth_req_id of the request, and where nothing is known of the request (J20)", () => {
    expect(tagOf({ [name]: "request-1" }, {})).toBeUndefined()
    expect(tagOf({ nonce: "n-1" }, { expectations: { nonce } })).toBeUndefined()
    expect(tagOf({}, { pending: pending("1") })).toBeUndefined()
    expect(tagOf({}, { pending: undefined })).toBeUndefined()
  })
})
