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

describe("a hint", () => {
  const kinds = [
    ["login_hint", UserHint.login],
    ["login_hint_token", UserHint.loginToken],
    ["id_token_hint", UserHint.idToken]
  ] as const
  for (const [parameter, make] of kinds) {
    it(`${parameter} is a secret, given as text or as one, and never shown (C5)`, () => {
      for (const hint of [make("marker"), make(Redacted.make("marker", { label: "mine" }))]) {
        expect(hint.parameter).toBe(parameter)
        expect(Redacted.value(hint.value)).toBe("marker")
        expect([inspect(hint, { showHidden: true }), JSON.stringify(hint)].join()).not.toContain("marker")
      }
    })
  }

  for (const value of ["", " ", "\t\n"]) {
    it.effect(`${JSON.stringify(value)} is refused under each name, and nothing is sent, discovery included (C5)`, () =>
      Effect.gen(function* () {
        for (const [parameter, make] of kinds) {
          const error = yield* Effect.flip(initiate({ hint: make(value) }))
          expect(error.reason).toMatchObject({ _tag: "InvalidParameter", parameter, problem: "it is empty" })
        }
        for (const endpoint of ["discovery", "backchannel"] as const) expect(yield* requestsTo(endpoint)).toEqual([])
      }).pipe(Effect.provide(cibaLayer()))
    )
  }

  it("is asked for by the types: there is no request without one, and none with two (C5)", () => {
    // @ts-expect-error a request needs a hint
    const without: AuthenticationRequest.Options = { scope: ["openid"] }
    // @ts-expect-error a request has one hint
    const two: AuthenticationRequest.Options = { scope: ["openid"], hint: [UserHint.login("jo"), UserHint.login("al")] }
    expect([without, two]).toHaveLength(2)
  })
})

describe("an ID Token as a hint", () => {
  it.effect("is sent though it has expired, and the provider knows it again (C14)", () =>
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

  it.effect("that is encrypted is refused by name, and nothing is sent (C13)", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(initiate({ hint: UserHint.idToken("marker.b.c.d.e") }))
      expect(error.message).toBe(
        "InvalidParameter: id_token_hint: it is encrypted; send the signed token inside it (CIBA Core 7.1)"
      )
      expect(yield* requestsTo("backchannel")).toEqual([])
    }).pipe(Effect.provide(cibaLayer()))
  )

  it("may have five parts under another name: its form is the provider's affair (C13)", () => {
    expect(UserHint.validate(UserHint.loginToken("a.b.c.d.e"))).toBeUndefined()
    expect(UserHint.validate(UserHint.login("a.b.c.d.e"))).toBeUndefined()
  })

  const subjects: ReadonlyArray<readonly [what: string, hint: UserHint.UserHint, subject: string | undefined]> = [
    ["its sub", UserHint.idToken(idTokenOf({ sub: "jö", exp: 1 })), "jö"],
    ["nobody without sub", UserHint.idToken(idTokenOf({ exp: 1 })), undefined],
    ["nobody with an empty sub", UserHint.idToken(idTokenOf({ sub: "" })), undefined],
    ["nobody with a sub that is no text", UserHint.idToken(idTokenOf({ sub: ["jo"] })), undefined],
    ["nobody where it is no JWT", UserHint.idToken("opaque"), undefined],
    ["nobody where the payload is no base64url", UserHint.idToken("a.%%.c"), undefined],
    ["nobody where the payload is no JSON", UserHint.idToken("a.bm90IGpzb24.c"), undefined],
    ["nobody as a login_hint_token", UserHint.loginToken(idTokenOf({ sub: "jo" })), undefined],
    ["nobody as a login_hint", UserHint.login(idTokenOf({ sub: "jo" })), undefined]
  ]
  for (const [what, hint, subject] of subjects) {
    it(`names ${what} (I11)`, () => {
      expect(Option.getOrUndefined(UserHint.subject(hint))).toBe(subject)
    })
  }
})
