import { describe, expect, it } from "@effect/vitest"
import { Dpop, SigningKey } from "@effect-ciba/core"
import { Effect, Redacted } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { part } from "../support/Jwt.ts"

const target = { method: "POST", url: "https://op.test/token" }

const answered = (url: string, nonce?: string) =>
  HttpClientResponse.fromWeb(
    HttpClientRequest.post(url),
    new Response(null, nonce === undefined ? {} : { headers: { "dpop-nonce": nonce } })
  )

const constraint = Dpop.make({ key: SigningKey.generate("ES256") })

describe("a proof", () => {
  it.effect("names method, URL without query, time and a new id (M1, M2, M3)", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("90500 millis")
      const { prove } = yield* constraint
      const [first, second] = yield* Effect.replicateEffect(prove({ ...target, url: `${target.url}?a=b#c` }), 2)
      const claims = yield* part(first?.dpop ?? "", 1)
      expect(claims).toEqual({ jti: expect.stringMatching(/^[\w-]{27}$/), htm: "POST", htu: target.url, iat: 90 })
      expect((yield* part(second?.dpop ?? "", 1)).jti).not.toBe(claims.jti)
      const header = yield* part(first?.dpop ?? "", 0)
      expect(header).toMatchObject({ typ: "dpop+jwt", alg: "ES256", jwk: { kty: "EC", crv: "P-256" } })
      expect(Object.keys(Object(header.jwk)).sort()).toEqual(["crv", "kty", "x", "y"])
    })
  )

  it.effect("carries the token's hash only with a token (M4)", () =>
    Effect.gen(function* () {
      const { prove } = yield* constraint
      const accessToken = Redacted.make("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
      const bound = yield* part((yield* prove({ ...target, accessToken })).dpop ?? "", 1)
      expect(bound.ath).toBe("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo")
      expect(yield* part((yield* prove(target)).dpop ?? "", 1)).not.toHaveProperty("ath")
    })
  )

  it.effect("carries the last nonce of its own server, from any answer, until the next one (M5, M7, M8)", () =>
    Effect.gen(function* () {
      const { observe, prove } = yield* constraint
      const nonceAt = (url: string) =>
        Effect.flatMap(prove({ method: "GET", url }), ({ dpop = "" }) =>
          Effect.map(part(dpop, 1), ({ nonce }) => nonce)
        )
      yield* observe(answered("https://op.test/token", "n-1"))
      yield* observe(answered("https://rs.test/accounts", "n-2"))
      expect(yield* nonceAt("https://OP.test/userinfo")).toBe("n-1")
      expect(yield* nonceAt("https://rs.test/")).toBe("n-2")
      expect(yield* nonceAt("https://op.test:8443/token")).toBeUndefined()
      yield* observe(answered("https://op.test/token"))
      expect(yield* nonceAt("https://op.test/token")).toBe("n-1")
      yield* observe(answered("https://op.test/jwks", "n-3"))
      expect(yield* nonceAt("https://op.test/token")).toBe("n-3")
    })
  )
})
