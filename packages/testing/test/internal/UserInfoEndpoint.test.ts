import { assert, describe, it } from "@effect/vitest"
import * as JsonWebKey from "@effect-ciba/core/JsonWebKey"
import { JsonWebToken, TokenHash } from "@effect-ciba/core/unstable/jose"
import { TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Clock, Effect, Redacted } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import * as RawClient from "../support/RawClient.ts"

const provide = (options: ProviderOptions = {}) =>
  Effect.provide(TestProvider.layer({ user: TestUser.approve(), refreshTokens: true, ...options }))

/** The status of UserInfo, and its claims or the challenge. */
const userInfo = (headers: Readonly<Record<string, string>>) =>
  Effect.flatMap(
    HttpClient.execute(HttpClientRequest.setHeaders(HttpClientRequest.get(`${RawClient.issuer}/userinfo`), headers)),
    (response) =>
      response.status === 200
        ? Effect.map(response.json, (body): unknown => body)
        : Effect.succeed<unknown>([response.status, response.headers["www-authenticate"]])
  )

const bearerUserInfo = (token: string) => userInfo({ authorization: `Bearer ${token}` })

describe("the UserInfo endpoint", () => {
  it.effect("responds with the subject of a valid access token, and with a challenge otherwise", () =>
    Effect.gen(function* () {
      const { access, refresh } = yield* RawClient.issueTokens
      assert.deepStrictEqual(yield* bearerUserInfo(access), { sub: "jo" })
      const refused = [401, 'Bearer error="invalid_token"']
      assert.deepStrictEqual(yield* bearerUserInfo("unknown"), refused)
      assert.deepStrictEqual(yield* bearerUserInfo(refresh), refused)
      assert.deepStrictEqual(yield* userInfo({ authorization: `DPoP ${access}` }), refused)
      assert.deepStrictEqual(yield* userInfo({}), [401, "Bearer"])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* bearerUserInfo(access), refused)
    }).pipe(provide())
  )

  it.effect("responds with the claims that the option userInfo forges", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* bearerUserInfo((yield* RawClient.issueTokens).access), { sub: "jo", name: "Jo" })
    }).pipe(provide({ userInfo: (claims) => ({ ...claims, name: "Jo" }) }))
  )

  it.effect("requires a DPoP proof by the key of a bound token, for this token and this URL", () =>
    Effect.gen(function* () {
      const key = yield* TestKeys.signing("ES256", "client")
      let count = 0
      const proof = (claims: RawClient.Claims, by = key) =>
        Effect.gen(function* () {
          const iat = Math.floor((yield* Clock.currentTimeMillis) / 1000)
          const jwt = yield* JsonWebToken.sign(
            { jti: `proof ${count++}`, iat, ...claims },
            { key: by, type: "dpop+jwt", jwk: JsonWebKey.requiredMembers(by.publicJwk) }
          )
          return Redacted.value(jwt)
        })
      const response = yield* RawClient.send(
        "/token",
        [
          ["grant_type", "urn:openid:params:grant-type:ciba"],
          ["auth_req_id", yield* RawClient.obtainAuthReqId()]
        ],
        RawClient.defaultBasic,
        { dpop: yield* proof({ htm: "POST", htu: `${RawClient.issuer}/token` }) }
      )
      const token = RawClient.text((yield* RawClient.read(response)).body.access_token)
      const ath = yield* TokenHash.sha256(Redacted.make(token))
      const valid = { htm: "GET", htu: `${RawClient.issuer}/userinfo`, ath }
      const request = (dpop: string, scheme = "DPoP") => userInfo({ authorization: `${scheme} ${token}`, dpop })
      assert.deepStrictEqual(yield* request(yield* proof(valid)), { sub: "jo" })
      assert.deepStrictEqual((yield* RawClient.introspect(token)).cnf, {
        jkt: yield* JsonWebKey.thumbprint(key.publicJwk)
      })

      const challenge = (error: string) => [401, `DPoP error="${error}"`]
      assert.deepStrictEqual(yield* bearerUserInfo(token), challenge("invalid_token"))
      assert.deepStrictEqual(yield* request(yield* proof(valid), "Bearer"), challenge("invalid_token"))
      const stranger = yield* TestKeys.signing("ES256", "stranger")
      for (const bad of [
        yield* proof({ ...valid, ath: "x" }),
        yield* proof({ ...valid, ath: undefined }),
        yield* proof({ ...valid, htu: `${RawClient.issuer}/token` }),
        yield* proof(valid, stranger)
      ]) {
        assert.deepStrictEqual(yield* request(bad), challenge("invalid_dpop_proof"))
      }
      assert.deepStrictEqual(yield* userInfo({ authorization: `DPoP ${token}` }), challenge("invalid_dpop_proof"))
    }).pipe(provide())
  )
})
