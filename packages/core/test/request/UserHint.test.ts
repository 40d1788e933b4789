import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { type AuthenticationRequest, UserHint } from "@effect-ciba/core"
import { TestKeys } from "@effect-ciba/testing"
import { Effect, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as JsonWebToken from "../../src/crypto/JsonWebToken.ts"
import { cibaLayer, initiate, requestsTo } from "../support/AuthenticationFlow.ts"
import * as Jwt from "../support/Jwt.ts"

const idTokenOf = (payload: Jwt.JsonObject): string => Jwt.join({ alg: "none" }, payload, "c2ln")

describe("UserHint", () => {
  const kinds = [
    ["login_hint", UserHint.login],
    ["login_hint_token", UserHint.loginToken],
    ["id_token_hint", UserHint.idToken]
  ] as const
  for (const [parameter, make] of kinds) {
    it(`a ${parameter} is made from a string or a Redacted, and is never printed (C5)`, () => {
      for (const hint of [make("marker"), make(Redacted.make("marker", { label: "mine" }))]) {
        expect(hint.parameter).toBe(parameter)
        expect(Redacted.value(hint.value)).toBe("marker")
        expect([inspect(hint, { showHidden: true }), JSON.stringify(hint)].join()).not.toContain("marker")
      }
    })
  }

  for (const value of ["", " ", "\t\n"]) {
    it.effect(
      `each kind of hint is refused if it is ${JSON.stringify(value)}, and nothing is sent, not even for discovery (C5)`,
      () =>
        Effect.gen(function* () {
          for (const [parameter, make] of kinds) {
            const error = yield* Effect.flip(initiate({ hint: make(value) }))
            expect(error.reason).toMatchObject({ _tag: "InvalidParameter", parameter, problem: "it is empty" })
          }
          for (const endpoint of ["discovery", "backchannel"] as const) expect(yield* requestsTo(endpoint)).toEqual([])
        }).pipe(Effect.provide(cibaLayer()))
    )
  }

  it("a request without a hint, and one with two, do not type-check (C5)", () => {
    // @ts-expect-error a request needs a hint
    const without: AuthenticationRequest.Options = { scope: ["openid"] }
    // @ts-expect-error a request has one hint
    const two: AuthenticationRequest.Options = { scope: ["openid"], hint: [UserHint.login("jo"), UserHint.login("al")] }
    expect([without, two]).toHaveLength(2)
  })
})

describe("UserHint.idToken", () => {
  it.effect("an expired id_token_hint is sent, and the provider accepts it (C14)", () =>
    Effect.gen(function* () {
      const key = yield* TestKeys.signing("RS256")
      const token = yield* JsonWebToken.sign({ iss: "https://provider.test", sub: "jo", exp: 60 }, { key })
      yield* TestClock.adjust("400 days")
      const pending = yield* initiate({ hint: UserHint.idToken(token) })
      expect(pending.expectations).toEqual({ subject: Redacted.make("jo", { label: "subject" }) })
      const [request] = yield* requestsTo("backchannel")
      expect(request?.parameters).toEqual([
        ["scope", "openid"],
        ["id_token_hint", Redacted.value(token)]
      ])
      expect(request?.status).toBe(200)
    }).pipe(Effect.provide(cibaLayer()))
  )

  it.effect("an encrypted id_token_hint is refused, and nothing is sent (C13)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(initiate({ hint: UserHint.idToken("marker.b.c.d.e") }))
      expect(error.message).toBe(
        "InvalidParameter: id_token_hint: it is encrypted; send the signed token inside it (CIBA Core 7.1)"
      )
      expect(yield* requestsTo("backchannel")).toEqual([])
    }).pipe(Effect.provide(cibaLayer()))
  )

  it("a login_hint and a login_hint_token may have five parts, as the provider defines their form (C13)", () => {
    expect(UserHint.validate(UserHint.loginToken("a.b.c.d.e"))).toBeUndefined()
    expect(UserHint.validate(UserHint.login("a.b.c.d.e"))).toBeUndefined()
  })

  const subjects: ReadonlyArray<readonly [what: string, hint: UserHint.UserHint, subject: string | undefined]> = [
    ["the sub of an id_token_hint is its subject", UserHint.idToken(idTokenOf({ sub: "jö", exp: 1 })), "jö"],
    ["an id_token_hint without sub has no subject", UserHint.idToken(idTokenOf({ exp: 1 })), undefined],
    ["an id_token_hint with an empty sub has no subject", UserHint.idToken(idTokenOf({ sub: "" })), undefined],
    [
      "an id_token_hint whose sub is not a string has no subject",
      UserHint.idToken(idTokenOf({ sub: ["jo"] })),
      undefined
    ],
    ["an id_token_hint that is not a JWT has no subject", UserHint.idToken("opaque"), undefined],
    ["an id_token_hint whose payload is not base64url has no subject", UserHint.idToken("a.%%.c"), undefined],
    ["an id_token_hint whose payload is not JSON has no subject", UserHint.idToken("a.bm90IGpzb24.c"), undefined],
    ["a login_hint_token has no subject", UserHint.loginToken(idTokenOf({ sub: "jo" })), undefined],
    ["a login_hint has no subject", UserHint.login(idTokenOf({ sub: "jo" })), undefined]
  ]
  for (const [what, hint, subject] of subjects) {
    it(`${what} (I11)`, () => {
      expect(Option.getOrUndefined(UserHint.subject(hint))).toBe(subject)
    })
  }
})
