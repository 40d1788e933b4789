import { assert, describe, it } from "@effect/vitest"
import * as JsonWebKey from "@effect-ciba/core/JsonWebKey"
import { JsonWebToken, TokenHash } from "@effect-ciba/core/unstable/jose"
import { TestClient, TestKeys, TestProvider, TestUser } from "@effect-ciba/testing"
import type { ProviderOptions } from "@effect-ciba/testing/ProviderOptions"
import { Clock, Effect, Redacted } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import * as Raw from "./Raw.ts"

const other = TestClient.clientSecretPost({ clientId: "other", secret: Redacted.make("another") })

const asOther = { client_id: "other", client_secret: "another" }

const provide = (options: ProviderOptions = {}) =>
  Effect.provide(
    TestProvider.layer({
      client: [TestClient.clientSecretBasic(), other],
      user: TestUser.approve(),
      refreshTokens: true,
      ...options
    })
  )

const issued = Effect.gen(function* () {
  const { body } = yield* Raw.poll(yield* Raw.acknowledged())
  return { access: Raw.text(body.access_token), refresh: Raw.text(body.refresh_token) }
})

const refresh = (token: string, parameters: Raw.Parameters = {}, authorization: string | null = Raw.defaultBasic) =>
  Raw.post("/token", { grant_type: "refresh_token", refresh_token: token, ...parameters }, authorization)

const introspect = (token: string, parameters: Raw.Parameters = {}, authorization: string | null = Raw.defaultBasic) =>
  Effect.map(Raw.post("/introspection", { token, ...parameters }, authorization), ({ body }) => body)

const revoke = (token: string, parameters: Raw.Parameters = {}, authorization: string | null = Raw.defaultBasic) =>
  Effect.map(
    Raw.send(
      "/revocation",
      [["token", token], ...Object.entries(parameters).map(([name, value]) => [name, value ?? ""] as const)],
      authorization
    ),
    ({ status }) => status
  )

/** The status of UserInfo, and its claims or the challenge. */
const userInfo = (headers: Readonly<Record<string, string>>) =>
  Effect.flatMap(
    HttpClient.execute(HttpClientRequest.setHeaders(HttpClientRequest.get(`${Raw.issuer}/userinfo`), headers)),
    (response) =>
      response.status === 200
        ? Effect.map(response.json, (body): unknown => body)
        : Effect.succeed<unknown>([response.status, response.headers["www-authenticate"]])
  )

const bearer = (token: string) => userInfo({ authorization: `Bearer ${token}` })

describe("a refresh token", () => {
  it.effect("is good for new tokens once, and the same person is in them", () =>
    Effect.gen(function* () {
      const first = yield* issued
      yield* TestClock.adjust("1 minute")
      const { body, status } = yield* refresh(first.refresh)
      assert.strictEqual(status, 200)
      assert.strictEqual(body.scope, "openid profile")
      assert.notInclude([first.access, first.refresh], Raw.text(body.access_token))
      assert.deepInclude(yield* Raw.part(body.id_token, 1), { sub: "jo", auth_time: 0, iat: 60 })
      assert.strictEqual(Raw.outcome(yield* refresh(first.refresh)), "invalid_grant")
      assert.strictEqual(Raw.outcome(yield* refresh(Raw.text(body.refresh_token))), 200)
    }).pipe(provide())
  )

  it.effect("is good for less scope and not for more, and the next one is for all of it again", () =>
    Effect.gen(function* () {
      const first = yield* issued
      assert.strictEqual(Raw.outcome(yield* refresh(first.refresh, { scope: "openid email" })), "invalid_scope")
      const { body } = yield* refresh(first.refresh, { scope: "openid" })
      assert.strictEqual(body.scope, "openid")
      assert.strictEqual((yield* refresh(Raw.text(body.refresh_token))).body.scope, "openid profile")
    }).pipe(provide())
  )

  it.effect("is for its client alone, and no other token stands in for it", () =>
    Effect.gen(function* () {
      const first = yield* issued
      assert.strictEqual(Raw.outcome(yield* refresh(first.refresh, asOther, null)), "invalid_grant")
      assert.strictEqual(Raw.outcome(yield* refresh(first.access)), "invalid_grant")
      assert.strictEqual(Raw.outcome(yield* refresh("")), "invalid_request")
      assert.strictEqual(
        Raw.outcome(yield* refresh(first.refresh, {}, Raw.basic("test-client", "x"))),
        "invalid_client"
      )
    }).pipe(provide())
  )

  it.effect("is not there, and its grant not listed, unless the set-up says so", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* issued).refresh, "")
      assert.strictEqual(Raw.outcome(yield* refresh("any")), "unsupported_grant_type")
    }).pipe(provide({ refreshTokens: false }))
  )

  it.effect("has its grant in the metadata, and the endpoints are there", () =>
    Effect.gen(function* () {
      const { body } = yield* Raw.get(`${Raw.issuer}/.well-known/openid-configuration`)
      assert.deepInclude(body, {
        grant_types_supported: ["urn:openid:params:grant-type:ciba", "refresh_token"],
        userinfo_endpoint: `${Raw.issuer}/userinfo`,
        introspection_endpoint: `${Raw.issuer}/introspection`,
        revocation_endpoint: `${Raw.issuer}/revocation`
      })
    }).pipe(provide())
  )
})

describe("introspection", () => {
  it.effect("tells a client about its tokens as long as they are good", () =>
    Effect.gen(function* () {
      const { access, refresh } = yield* issued
      const common = {
        active: true,
        iss: Raw.issuer,
        client_id: "test-client",
        sub: "jo",
        scope: "openid profile",
        iat: 0
      }
      assert.deepStrictEqual(yield* introspect(access), { ...common, exp: 3600, token_type: "Bearer" })
      assert.deepStrictEqual(yield* introspect(refresh), common)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* introspect(access), { active: false })
      assert.deepStrictEqual(yield* introspect(refresh), common)
    }).pipe(provide())
  )

  it.effect("tells nothing about tokens of others and of nobody, and nothing to strangers", () =>
    Effect.gen(function* () {
      const { access } = yield* issued
      assert.deepStrictEqual(yield* introspect(access, asOther, null), { active: false })
      assert.deepStrictEqual(yield* introspect("unknown"), { active: false })
      assert.strictEqual((yield* introspect(access, {}, Raw.basic("test-client", "x"))).error, "invalid_client")
      assert.strictEqual((yield* introspect("")).error, "invalid_request")
    }).pipe(provide())
  )
})

describe("revocation", () => {
  it.effect("ends an access token and leaves the refresh token; what is not there is revoked already", () =>
    Effect.gen(function* () {
      const { access, refresh } = yield* issued
      assert.strictEqual(yield* revoke(access), 200)
      assert.deepStrictEqual(yield* introspect(access), { active: false })
      assert.strictEqual((yield* introspect(refresh)).active, true)
      assert.strictEqual(yield* revoke(access), 200)
    }).pipe(provide())
  )

  it.effect("of a refresh token ends all that came of the approval, and nothing of another", () =>
    Effect.gen(function* () {
      const one = yield* issued
      const another = yield* issued
      assert.strictEqual(yield* revoke(one.refresh), 200)
      const active = yield* Effect.forEach([one.access, one.refresh, another.access, another.refresh], (token) =>
        Effect.map(introspect(token), (body) => body.active)
      )
      assert.deepStrictEqual(active, [false, false, true, true])
    }).pipe(provide())
  )

  it.effect("by another client, or by a stranger, ends nothing", () =>
    Effect.gen(function* () {
      const { access } = yield* issued
      assert.strictEqual(yield* revoke(access, asOther, null), 200)
      assert.strictEqual(yield* revoke(access, {}, Raw.basic("test-client", "x")), 401)
      assert.strictEqual(yield* revoke(""), 400)
      assert.strictEqual((yield* introspect(access)).active, true)
    }).pipe(provide())
  )
})

describe("UserInfo", () => {
  it.effect("is for whoever bears a good access token", () =>
    Effect.gen(function* () {
      const { access, refresh } = yield* issued
      assert.deepStrictEqual(yield* bearer(access), { sub: "jo" })
      const refused = [401, 'Bearer error="invalid_token"']
      assert.deepStrictEqual(yield* bearer("unknown"), refused)
      assert.deepStrictEqual(yield* bearer(refresh), refused)
      assert.deepStrictEqual(yield* userInfo({ authorization: `DPoP ${access}` }), refused)
      assert.deepStrictEqual(yield* userInfo({}), [401, "Bearer"])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* bearer(access), refused)
    }).pipe(provide())
  )

  it.effect("says what the set-up makes of it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* bearer((yield* issued).access), { sub: "jo", name: "Jo" })
    }).pipe(provide({ userInfo: (claims) => ({ ...claims, name: "Jo" }) }))
  )

  it.effect("wants a proof of the key for a token that is bound to one, made for this token and this URL", () =>
    Effect.gen(function* () {
      const key = yield* TestKeys.signing("ES256", "client")
      let count = 0
      const proof = (claims: Raw.Claims, by = key) =>
        Effect.gen(function* () {
          const iat = Math.floor((yield* Clock.currentTimeMillis) / 1000)
          const jwt = yield* JsonWebToken.sign(
            { jti: `proof ${count++}`, iat, ...claims },
            { key: by, type: "dpop+jwt", jwk: JsonWebKey.requiredMembers(by.publicJwk) }
          )
          return Redacted.value(jwt)
        })
      const response = yield* Raw.send(
        "/token",
        [
          ["grant_type", "urn:openid:params:grant-type:ciba"],
          ["auth_req_id", yield* Raw.acknowledged()]
        ],
        Raw.defaultBasic,
        { dpop: yield* proof({ htm: "POST", htu: `${Raw.issuer}/token` }) }
      )
      const token = Raw.text((yield* Raw.answered(response)).body.access_token)
      const ath = yield* TokenHash.sha256(Redacted.make(token))
      const good = { htm: "GET", htu: `${Raw.issuer}/userinfo`, ath }
      const asked = (dpop: string, scheme = "DPoP") => userInfo({ authorization: `${scheme} ${token}`, dpop })
      assert.deepStrictEqual(yield* asked(yield* proof(good)), { sub: "jo" })
      assert.deepStrictEqual((yield* introspect(token)).cnf, { jkt: yield* JsonWebKey.thumbprint(key.publicJwk) })

      const refused = (error: string) => [401, `DPoP error="${error}"`]
      assert.deepStrictEqual(yield* bearer(token), refused("invalid_token"))
      assert.deepStrictEqual(yield* asked(yield* proof(good), "Bearer"), refused("invalid_token"))
      const stranger = yield* TestKeys.signing("ES256", "stranger")
      for (const bad of [
        yield* proof({ ...good, ath: "x" }),
        yield* proof({ ...good, ath: undefined }),
        yield* proof({ ...good, htu: `${Raw.issuer}/token` }),
        yield* proof(good, stranger)
      ]) {
        assert.deepStrictEqual(yield* asked(bad), refused("invalid_dpop_proof"))
      }
      assert.deepStrictEqual(yield* userInfo({ authorization: `DPoP ${token}` }), refused("invalid_dpop_proof"))
    }).pipe(provide())
  )
})
