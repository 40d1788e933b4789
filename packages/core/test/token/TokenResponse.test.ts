import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { TokenResponse } from "@effect-ciba/core"
import { DateTime, Effect, Formatter, Inspectable, Schema } from "effect"
import { unsafeValue } from "../../src/internal/Opaque.ts"
import { decode as decodeReceived, decodeRefresh, expiresAt } from "../../src/token/TokenResponse.ts"
import { encodeJson } from "../support/Jwt.ts"

const body = {
  access_token: "marker-access",
  token_type: "Bearer",
  id_token: "marker-header.marker-claims.marker-signature",
  refresh_token: "marker-refresh",
  expires_in: 3600,
  scope: "marker-scope",
  device_secret: "marker-device"
}

interface Response {
  readonly members: Readonly<Record<string, unknown>>
}

const decode = (given: unknown) =>
  Effect.flatMap(Schema.decodeUnknownEffect(Schema.Json)(given), (json) =>
    Effect.flatMap(TokenResponse.receive(json), TokenResponse.decode)
  )

const reasonOf = (given: unknown) => Effect.map(Effect.flip(decode(given)), ({ message }) => message)

describe("TokenResponse.decode, for an access token", () => {
  for (const [what, access_token] of [
    ["a line break", "a\r\nb"],
    ["a NUL", "a\0b"],
    ["a letter beyond ASCII", "tokén"],
    ["a line separator", "a\u2028b"]
  ]) {
    it.effect(`rejects an access token with ${what}, which no header can carry (I1)`, () =>
      Effect.gen(function* () {
        const reason = yield* reasonOf({ ...body, access_token })
        expect(reason).toContain("access_token")
        expect(reason).not.toContain(access_token)
      })
    )
  }
})

describe("TokenResponse.TokenType", () => {
  const decodeType = Schema.decodeUnknownSync(TokenResponse.TokenType)
  for (const [given, type] of [
    ["bearer", "Bearer"],
    ["BEARER", "Bearer"],
    ["dpop", "DPoP"],
    ["DPOP", "DPoP"],
    ["Bearer ", "Bearer"],
    [" dpop", "DPoP"],
    ["bearer-like", "bearer-like"],
    ["forbearer", "forbearer"],
    ["dpop2", "dpop2"],
    ["predpop", "predpop"],
    ["mac", "mac"]
  ]) {
    it(`decodes ${given} to ${type} (I2)`, () => expect(decodeType(given)).toBe(type))
  }
})

describe("TokenResponse", () => {
  const opaque = decode(body)

  it.effect("has no property from which an unverified token response can be read (I5)", () =>
    Effect.gen(function* () {
      const response = yield* opaque
      const inherited: Array<string> = []
      for (const name in response) inherited.push(name)
      expect([...Reflect.ownKeys(response), ...inherited, ...Object.entries(response)]).toEqual([])
      expect({ ...response }).toEqual({})
      expect(Reflect.ownKeys(TokenResponse.TokenResponse.prototype)).toEqual(["constructor"])
      expect(Reflect.ownKeys(Object.getPrototypeOf(TokenResponse.TokenResponse.prototype))).toEqual(["constructor"])
      expect(Reflect.ownKeys(TokenResponse.TokenResponse).sort()).toEqual(["length", "name", "prototype"])
    })
  )

  it.effect("gives nothing away of an unverified token response in a copy (I5)", () =>
    Effect.gen(function* () {
      const response = yield* opaque
      for (const copy of [structuredClone(response), Object.assign({}, response), Object.create(response)]) {
        expect(inspect(copy, { depth: Number.POSITIVE_INFINITY, showHidden: true })).not.toContain("marker")
        expect(encodeJson(copy)).toBe("{}")
      }
    })
  )

  it.effect("gives nothing away of an unverified token response when it is printed (I5, I13)", () =>
    Effect.gen(function* () {
      const response = yield* opaque
      expect(JSON.stringify(response)).toBe("{}")
      expect(String(response)).toBe("[object Object]")
      for (const shown of [
        inspect(response, { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true }),
        Inspectable.toStringUnknown(response),
        Formatter.format(response)
      ]) {
        expect(shown).not.toContain("marker")
        expect(shown).not.toContain("Bearer")
      }
    })
  )
})

describe("TokenResponse.decode", () => {
  for (const member of ["access_token", "id_token"] as const) {
    it.effect(`rejects a token response body without ${member} (I1)`, () =>
      Effect.gen(function* () {
        const { [member]: _, ...rest } = body
        expect(yield* reasonOf(rest)).toBe(`Missing key\n  at ["${member}"]`)
      })
    )

    it.effect(`rejects a token response body with an empty ${member} (I1)`, () =>
      Effect.gen(function* () {
        const reason = yield* reasonOf({ ...body, [member]: "" })
        expect(reason).toBe(`Expected a value with a length of at least 1\n  at ["${member}"]`)
      })
    )

    for (const odd of [null, 5, true, ["marker-odd"], { marker: "odd" }]) {
      it.effect(`rejects ${JSON.stringify(odd)} for ${member}, with a reason that does not repeat it (I1, I13)`, () =>
        Effect.gen(function* () {
          expect(yield* reasonOf({ ...body, [member]: odd })).toBe(`Expected string\n  at ["${member}"]`)
        })
      )
    }
  }

  for (const odd of [5, true, ["marker-odd"], { marker: "odd" }]) {
    it.effect(`rejects ${JSON.stringify(odd)} for token_type, with a reason that does not repeat it (I1, I13)`, () =>
      Effect.gen(function* () {
        const reason = yield* reasonOf({ ...body, token_type: odd })
        expect(reason).toContain('at ["token_type"]')
        expect(reason).not.toContain("odd")
      })
    )
  }

  for (const [what, member, value, read] of [
    ["no token_type", "token_type", undefined, undefined],
    ["null for token_type", "token_type", null, undefined],
    ["an empty token_type", "token_type", "", undefined],
    ["a list of scopes", "scope", ["openid", "profile"], "openid profile"],
    ["an empty list of scopes", "scope", [], ""],
    ["a list with a number for the scope", "scope", [7], undefined],
    ["a number for the scope", "scope", 7, undefined],
    ["null for the scope", "scope", null, undefined],
    ["an empty refresh token", "refresh_token", "", undefined],
    ["a number for the refresh token", "refresh_token", 7, undefined]
  ] as const) {
    it.effect(`reads ${what}: nothing depends on it (I15)`, () =>
      Effect.gen(function* () {
        const received = yield* TokenResponse.receive({ ...body, [member]: value ?? null })
        const { members } = unsafeValue<Response>(yield* decodeReceived(received))
        expect(members[member]).toEqual(read)
      })
    )
  }

  it.effect("reports every invalid member of a token response in one reason, and none of the values (I13)", () =>
    Effect.gen(function* () {
      const reason = yield* reasonOf({
        ...body,
        access_token: 1,
        id_token: ["marker"],
        token_type: ["marker"]
      })
      expect(reason.split("\n").filter((line) => line.startsWith("  at"))).toEqual(
        ["access_token", "token_type", "id_token"].map((member) => `  at ["${member}"]`)
      )
      expect(reason).not.toContain("marker")
    })
  )

  for (const odd of [null, [], ["marker"], "marker", 5, true]) {
    it.effect(`rejects ${JSON.stringify(odd)} for the body of a token response`, () =>
      Effect.gen(function* () {
        expect(yield* reasonOf(odd)).toBe("Expected object")
      })
    )
  }
})

describe("TokenResponse.expiresAt", () => {
  for (const [expires_in, seconds] of [
    [300, 300],
    ["300", 300],
    [undefined, undefined],
    ["soon", undefined]
  ] as const) {
    it.effect(
      `is ${seconds === undefined ? "unknown" : `${seconds} seconds after the receipt`} for expires_in ${expires_in}`,
      () =>
        Effect.gen(function* () {
          const received = yield* TokenResponse.receive({
            access_token: "marker",
            token_type: "Bearer",
            ...(expires_in === undefined ? undefined : { expires_in })
          })
          const expiry = expiresAt(yield* decodeRefresh(received))
          expect(expiry).toEqual(seconds === undefined ? undefined : DateTime.add(received.at, { seconds }))
        })
    )
  }
})
