import { describe, expect, it } from "@effect/vitest"
import { Dpop, SigningKey } from "@effect-ciba/core"
import { Effect, Redacted } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import type * as SenderConstraint from "../../src/http/SenderConstraint.ts"
import { decodePart } from "../support/Jwt.ts"
import { uuid } from "../support/PredictableRandomness.ts"

const target = { method: "POST", url: "https://op.test/token" }

const respond = (url: string, nonce?: string) =>
  HttpClientResponse.fromWeb(
    HttpClientRequest.post(url),
    new Response(null, nonce === undefined ? {} : { headers: { "dpop-nonce": nonce } })
  )

const constraint = Dpop.make({ key: SigningKey.generate("ES256") })

/** The nonce of a proof for this URL. */
const nonceAt = (prove: SenderConstraint.SenderConstraint["prove"], url: string) =>
  Effect.flatMap(prove({ method: "GET", url }), ({ dpop = "" }) =>
    Effect.map(decodePart(dpop, 1), ({ nonce }) => nonce)
  )

describe("Dpop.make", () => {
  it.effect("makes a proof with the method, the URL without query, the time and a new jti (M1, M2, M3)", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("90500 millis")
      const { prove } = yield* constraint
      const [first, second] = yield* Effect.replicateEffect(prove({ ...target, url: `${target.url}?a=b#c` }), 2)
      const claims = yield* decodePart(first?.dpop ?? "", 1)
      expect(claims).toEqual({ jti: expect.stringMatching(uuid), htm: "POST", htu: target.url, iat: 90 })
      expect((yield* decodePart(second?.dpop ?? "", 1)).jti).not.toBe(claims.jti)
      const header = yield* decodePart(first?.dpop ?? "", 0)
      expect(header).toMatchObject({ typ: "dpop+jwt", alg: "ES256", jwk: { kty: "EC", crv: "P-256" } })
      expect(Object.keys(Object(header.jwk)).sort()).toEqual(["crv", "kty", "x", "y"])
    })
  )

  it.effect("adds claims and replaces none of its own, also with a stored key", () =>
    Effect.gen(function* () {
      const additionalClaims = { tenant: "one" }
      const own = yield* Dpop.make({ key: SigningKey.generate("ES256"), compatibility: { additionalClaims } })
      const stored = yield* own.withKey((yield* SigningKey.generate("ES256")).privateJwk ?? expect.fail("no key"))
      for (const { prove } of [own, stored]) {
        expect(yield* decodePart((yield* prove(target)).dpop ?? "", 1)).toEqual({
          jti: expect.stringMatching(uuid),
          htm: "POST",
          htu: target.url,
          iat: 0,
          tenant: "one"
        })
      }
    })
  )

  for (const [what, additionalClaims] of [
    ...["jti", "htm", "htu", "iat", "ath", "nonce"].map((name) => [name, { [name]: "eve" }] as const),
    ["toJSON", Object({ toJSON: () => ({ htm: "GET" }) })],
    ["missing", Object({ missing: undefined })]
  ] as const) {
    it.effect(`fails if ${what} is among the additional claims (M1, M2, M3, M4)`, () =>
      Effect.gen(function* () {
        const options = { key: SigningKey.generate("ES256"), compatibility: { additionalClaims } }
        const error = yield* Effect.flip(Dpop.make(options))
        expect(error).toMatchObject({ _tag: "ClientRegistrationError", parameter: "additionalClaims of DPoP proofs" })
        expect(error.message).toContain(what)
      })
    )
  }

  it.effect("adds ath to a proof only if the request carries an access token (M4)", () =>
    Effect.gen(function* () {
      const { prove } = yield* constraint
      const accessToken = Redacted.make("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
      const bound = yield* decodePart((yield* prove({ ...target, accessToken })).dpop ?? "", 1)
      expect(bound.ath).toBe("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo")
      expect(yield* decodePart((yield* prove(target)).dpop ?? "", 1)).not.toHaveProperty("ath")
    })
  )

  for (const [algorithm, members] of [
    ["PS256", ["e", "kty", "n"]],
    ["ES384", ["crv", "kty", "x", "y"]],
    ["EdDSA", ["crv", "kty", "x"]],
    ["ML-DSA-44", ["alg", "kty", "pub"]]
  ] as const) {
    it.effect(`puts the required members of the public ${algorithm} key into the header, and no others (M2)`, () =>
      Effect.gen(function* () {
        const { privateJwk } = yield* SigningKey.generateJwk(algorithm)
        const jwk = { ...Redacted.value(privateJwk), "x-note": "marker", exp: 1 }
        const { prove } = yield* Dpop.make({ key: SigningKey.fromJwk(Redacted.make(jwk)) })
        const header = yield* decodePart((yield* prove(target)).dpop ?? "", 0)
        expect(Object.keys(header).sort()).toEqual(["alg", "jwk", "typ"])
        expect(header).toMatchObject({ typ: "dpop+jwt", alg: algorithm })
        expect(Object.keys(Object(header.jwk)).sort()).toEqual(members)
      })
    )
  }

  it.effect("uses the last nonce of the same origin, from a response of any status (M5, M7, M8, T-10)", () =>
    Effect.gen(function* () {
      const { recordResponse, prove } = yield* constraint
      yield* recordResponse(respond("https://op.test/token", "n-1"))
      yield* recordResponse(respond("https://rs.test/accounts", "n-2"))
      expect(yield* nonceAt(prove, "https://OP.test/userinfo")).toBe("n-1")
      expect(yield* nonceAt(prove, "https://op.test:443/token")).toBe("n-1")
      expect(yield* nonceAt(prove, "https://rs.test/")).toBe("n-2")
      expect(yield* nonceAt(prove, "https://rs.test?a=b")).toBe("n-2")
      for (const other of ["https://op.test:8443/token", "http://op.test/token", "https://op.test.evil/", "nowhere"]) {
        expect(yield* nonceAt(prove, other)).toBeUndefined()
      }
      yield* recordResponse(respond("https://op.test/token"))
      expect(yield* nonceAt(prove, "https://op.test/token")).toBe("n-1")
      yield* recordResponse(respond("https://OP.test:443/jwks", "n-3"))
      expect(yield* nonceAt(prove, "https://op.test/token")).toBe("n-3")
    })
  )

  for (const [what, nonce] of [
    ["two nonces", "n-2, n-3"],
    ["a quotation mark", 'n"2'],
    ["a backslash", "n\\2"],
    ["a tabulator", "n\t2"],
    ["a letter outside of ASCII", "n-\u00e9"],
    ["an empty value", ""],
    ["a value of over 2048 characters", "n".repeat(2049)]
  ] as const) {
    it.effect(`ignores a malformed nonce: ${what} (M5)`, () =>
      Effect.gen(function* () {
        const { recordResponse, prove } = yield* constraint
        yield* recordResponse(respond(target.url, "!#[]^~/+="))
        yield* recordResponse(respond(target.url, nonce))
        expect(yield* nonceAt(prove, target.url)).toBe("!#[]^~/+=")
      })
    )
  }

  it.effect("keeps the nonces of 100 origins, each of up to 2048 characters (M8)", () =>
    Effect.gen(function* () {
      const { recordResponse, prove } = yield* constraint
      const server = (index: number) => `https://rs-${index}.test/`
      const long = "n".repeat(2048)
      yield* Effect.forEach(
        Array.from({ length: 100 }, (_, index) => server(index)),
        (url) => recordResponse(respond(url, long))
      )
      yield* recordResponse(respond(server(0), "n-2"))
      yield* recordResponse(respond(server(100), "n-3"))
      const nonces = yield* Effect.forEach([0, 1, 2, 100].map(server), (url) => nonceAt(prove, url))
      expect(nonces).toEqual(["n-2", undefined, long, "n-3"])
    })
  )
})

it.effect("Dpop.withKey imports a stored key only if it is another one, and keeps the nonces", () =>
  Effect.gen(function* () {
    const key = yield* SigningKey.generate("ES256")
    const other = yield* SigningKey.generate("EdDSA")
    const own = yield* Dpop.make({ key })
    yield* own.recordResponse(respond(target.url, "n-1"))
    const stored = key.privateJwk && Redacted.make({ ...Redacted.value(key.privateJwk) })
    const same = yield* own.withKey(stored ?? Redacted.make({ kty: "none" }))
    expect(same.dpopKey).toBe(key.privateJwk)
    const stranger = yield* own.withKey(other.privateJwk ?? Redacted.make({ kty: "none" }))
    expect(stranger.algorithm).toBe("EdDSA")
    expect(yield* nonceAt(stranger.prove, target.url)).toBe("n-1")
    expect(yield* Effect.flip(own.withKey(Redacted.make({ kty: "EC" })))).toMatchObject({ _tag: "InvalidKey" })
  })
)
