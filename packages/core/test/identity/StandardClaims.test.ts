import { assert, describe, it } from "@effect/vitest"
import { UserInfo } from "@effect-ciba/core"
import { Effect, Schema } from "effect"
import { IdTokenClaims } from "../../src/identity/IdTokenClaims.ts"

const idToken = { iss: "https://provider.test", aud: "client", exp: 2000, iat: 1000 }

const standard = {
  name: "Jo Doe",
  given_name: "Jo",
  family_name: "Doe",
  middle_name: "M",
  nickname: "J",
  preferred_username: "jo",
  profile: "https://jo.example",
  picture: "https://jo.example/picture",
  website: "https://jo.example/site",
  email: "jo@example.com",
  email_verified: true,
  gender: "other",
  birthdate: "0000-03-31",
  zoneinfo: "Europe/Paris",
  locale: "en-US",
  phone_number: "+1 (425) 555-1212",
  phone_number_verified: false,
  address: {
    formatted: "1 Street",
    street_address: "1 Street",
    locality: "Paris",
    region: "IDF",
    postal_code: "75001",
    country: "FR",
    country_code: "FR"
  },
  updated_at: 1_300_000_000
}

describe("the standard claims (OpenID Connect Core 5.1)", () => {
  for (const [what, schema] of [
    ["an ID Token", IdTokenClaims],
    ["a UserInfo response", UserInfo.UserInfoClaims]
  ] as const) {
    const decode = (claims: object) => Schema.decodeUnknownEffect(schema)({ ...idToken, sub: "jo", ...claims })

    it.effect(`of ${what} are handed on with their types, and further claims as they are`, () =>
      Effect.gen(function* () {
        const further = { "name#ja": "ジョー", groups: ["a"] }
        const claims = yield* decode({ ...standard, ...further })
        assert.deepStrictEqual<unknown>(claims, { ...idToken, sub: "jo", ...standard, ...further })
        const typed: ReadonlyArray<string | undefined> = [claims.email, claims.address?.country, claims.birthdate]
        assert.deepStrictEqual(typed, ["jo@example.com", "FR", "0000-03-31"])
      })
    )

    it.effect(`of ${what} count as absent if they cannot be read, and flags may be texts`, () =>
      Effect.gen(function* () {
        const {
          aud: _aud,
          exp: _exp,
          iat: _iat,
          iss: _iss,
          ...claims
        } = yield* decode({
          name: 17,
          email: null,
          email_verified: "true",
          phone_number_verified: "perhaps",
          address: "1 Street",
          updated_at: "yesterday"
        })
        assert.deepStrictEqual<unknown>(claims, { sub: "jo", email_verified: true })
      })
    )
  }
})
