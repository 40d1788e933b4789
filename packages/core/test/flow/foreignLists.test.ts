// Lists in the documents of others: at most a thousand entries are looked at, and the first that is wrong ends it.
import { describe, expect, it } from "@effect/vitest"
import { TestClient } from "@effect-ciba/testing"
import { Effect, Exit, Option, Redacted, Result, Schema } from "effect"
import * as JsonWebKeySet from "../../src/crypto/JsonWebKeySet.ts"
import { IdTokenClaims } from "../../src/identity/IdTokenClaims.ts"
import { Texts, Values } from "../../src/internal/ForeignMember.ts"
import { ProviderMetadata } from "../../src/provider/ProviderMetadata.ts"
import { UserInfoClaims } from "../../src/resource/UserInfo.ts"
import * as IntrospectedToken from "../../src/token/IntrospectedToken.ts"
import * as TokenResponse from "../../src/token/TokenResponse.ts"
import { authenticate, failureOf, withClaims, withTokenResponse } from "../support/ForgedResponses.ts"
import { publishedKeys } from "../support/PublishedKeys.ts"

const times = (count: number, entry: (index: number) => unknown = String) =>
  Array.from({ length: count }, (_, index) => entry(index))

describe("a list that others write", () => {
  it("is read with a thousand entries, and not with one more (J21)", () => {
    const decode = Schema.decodeUnknownOption(Texts)
    expect(Option.getOrThrow(decode(times(1000)))).toHaveLength(1000)
    expect(decode(times(1001))).toEqual(Option.none())
    expect(Schema.decodeUnknownOption(Values)(times(1001))).toEqual(Option.none())
  })

  it("is refused for its first wrong entry, also where all members are reported (J21)", () => {
    const decode = Schema.decodeUnknownResult(Texts, { errors: "all" })
    const messages = [times(1000, Number), [...times(999), 1], [1, ...times(999)]].map((list) =>
      Result.match(decode(list), { onFailure: ({ message }) => message, onSuccess: () => "accepted" })
    )
    expect(messages).toEqual(messages.map(() => "Expected a list of texts"))
  })
})

describe("each list of a foreign document ends at a thousand entries (J21):", () => {
  const many = times(1001)

  it.effect("the audiences of an ID Token, though each of them is trusted", () =>
    Effect.gen(function* () {
      const others = times(1000, (index) => `audience-${index}`).map(String)
      const options = { trustedAudiences: others }
      const { claims } = yield* authenticate({
        ...withClaims({ aud: [TestClient.clientId, ...others.slice(0, 999)] }),
        options
      })
      expect(claims.aud).toHaveLength(1000)
      const reason = yield* failureOf({ ...withClaims({ aud: [TestClient.clientId, ...others] }), options })
      expect(reason).toMatchObject({ stage: "IdTokenError", _tag: "InvalidClaims" })
    })
  )

  it.effect("methods of an ID Token, which count as absent", () =>
    Effect.gen(function* () {
      expect((yield* authenticate(withClaims({ amr: many }))).claims.amr).toBeUndefined()
    })
  )

  it.effect("a scope that is a list, which counts as absent", () =>
    Effect.gen(function* () {
      const identity = yield* authenticate(withTokenResponse((body) => ({ ...body, scope: many })))
      expect(identity.scope).toEqual(["openid", "email"])
    })
  )

  it("metadata, of which the first thousand count", () => {
    const decode = Schema.decodeUnknownSync(ProviderMetadata)
    const issuer = "https://provider.test"
    for (const scopes_supported of [many, many.join(" "), [...many, ...many]]) {
      expect(decode({ issuer, scopes_supported }).scopes_supported).toEqual(times(1000))
    }
  })

  it("keys, of which the first thousand count", () => {
    const [key] = publishedKeys.keys
    const set = JsonWebKeySet.decode({ keys: [...times(999, () => 1), key, key] })
    expect(Result.getOrThrow(set).keys).toHaveLength(1)
  })

  it("the audiences of UserInfo", () => {
    const decode = Schema.decodeUnknownExit(UserInfoClaims)
    expect(Exit.isSuccess(decode({ sub: "jo", aud: times(1000) }))).toBe(true)
    expect(Exit.isSuccess(decode({ sub: "jo", aud: many }))).toBe(false)
  })

  for (const member of ["aud", "authorization_details"]) {
    it.effect(`${member} of an introspection response`, () =>
      Effect.gen(function* () {
        const decode = (list: ReadonlyArray<unknown>) =>
          Effect.exit(IntrospectedToken.decode({ active: true, [member]: list }))
        expect(Exit.isSuccess(yield* decode(times(1000)))).toBe(true)
        expect(Exit.isSuccess(yield* decode(many))).toBe(false)
      })
    )
  }
})

describe("a list with nothing but wrong entries has one issue:", () => {
  const wrong = times(1000, Number)

  it.effect("audiences of an ID Token", () =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(
        Schema.decodeUnknownEffect(IdTokenClaims, { errors: "all" })({ iss: "a", sub: "a", exp: 1, iat: 1, aud: wrong })
      )
      expect(message.split("\n").filter((line) => line.includes("at ["))).toHaveLength(1)
    })
  )

  it.effect("the scope of a token response, which is refused over another member", () =>
    Effect.gen(function* () {
      const scope = Array.from({ length: 1000 }, (_, index) => index)
      const received = yield* TokenResponse.receive({ access_token: 1, id_token: "a", scope })
      const { message } = yield* Effect.flip(TokenResponse.decode(received))
      expect(message.split("\n").filter((line) => line.includes("at ["))).toEqual(['  at ["access_token"]'])
      expect(Redacted.isRedacted(received.body)).toBe(true)
    })
  )
})
